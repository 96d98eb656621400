//! Owns what 2.x's stations say on their own about smart charging, in the core's words. Must never
//! refuse such a message for what it means.

/// `notice` of a version: what a request says and how it is answered. Beside it stand
/// `transfer(EnergyTransferModeEnumType)`, `reported(&NotifyEVChargingNeedsRequest)`,
/// `is_generated(&ChargingLimitType)` and `new_notice(&Request)`, for what only one version has.
macro_rules! charging {
    ($version:ident) => {
        use busbar_charging::ids::TransactionId;
        use busbar_charging::input::needs::{Needs, Transfer};
        use busbar_charging::input::notice::{HeldProfile, HeldPurpose, Notice};
        use busbar_charging::load::kernel::profile::ProfilePurpose;
        use busbar_charging::units::Timestamp;
        use busbar_ocpp::$version as wire;

        use super::profile::schedule;
        use crate::adapter::Answer;
        use crate::schedule::{current, energy, power};
        use crate::words;

        /// What a request says about smart charging, if it does.
        pub(super) fn notice(request: &wire::Request) -> Option<(Notice, Answer)> {
            let empty = || Answer::Plain("{}".into());
            Some(match request {
                wire::Request::NotifyEVChargingNeeds(notify) => {
                    let evse = words::place(notify.evse_id).unwrap_or_default();
                    let needs = needs(notify);
                    (Notice::Needs { evse, needs, nonsense: Vec::new() }, Answer::Needs)
                }
                wire::Request::NotifyEVChargingSchedule(notify) => {
                    let evse = words::place(notify.evse_id).unwrap_or_default();
                    let mut schedule = schedule(&notify.charging_schedule);
                    schedule.begins = words::set_clock(&notify.time_base);
                    (Notice::CarSchedule { evse, schedule }, Answer::CarSchedule)
                }
                wire::Request::NotifyChargingLimit(notify) => {
                    let schedules = notify.charging_schedule.as_deref().unwrap_or_default();
                    let limited = Notice::Limited {
                        evse: notify.evse_id.and_then(words::place),
                        source: notify.charging_limit.charging_limit_source.as_str().into(),
                        grid_critical: notify.charging_limit.is_grid_critical.unwrap_or(false),
                        local_generation: is_generated(&notify.charging_limit),
                        schedules: schedules.iter().map(schedule).collect(),
                    };
                    (limited, empty())
                }
                wire::Request::ClearedChargingLimit(cleared) => {
                    let evse = cleared.evse_id.and_then(words::place);
                    let source = cleared.charging_limit_source.as_str().into();
                    (Notice::Unlimited { evse, source }, empty())
                }
                wire::Request::ReportChargingProfiles(report) => {
                    let profiles = Notice::Profiles {
                        request: report.request_id,
                        evse: words::place(report.evse_id).unwrap_or_default(),
                        source: report.charging_limit_source.as_str().into(),
                        profiles: report.charging_profile.iter().map(held).collect(),
                        more: report.tbc.unwrap_or(false),
                    };
                    (profiles, empty())
                }
                other => return new_notice(other),
            })
        }

        fn needs(notify: &wire::NotifyEVChargingNeedsRequest) -> Needs {
            let needs = &notify.charging_needs;
            let schedules = notify.max_schedule_tuples.and_then(words::place);
            let mut all = Needs {
                reported: reported(notify),
                transfer: transfer(needs.requested_energy_transfer),
                departure: needs.departure_time.as_ref().map(words::at),
                energy: None,
                minimum: None,
                maximum: None,
                power: None,
                capacity: None,
                charge_percent: None,
                schedules,
            };
            if let Some(ac) = &needs.ac_charging_parameters {
                all.energy = Some(energy(&ac.energy_amount));
                all.minimum = Some(current(&ac.ev_min_current));
                all.maximum = Some(current(&ac.ev_max_current));
            }
            if let Some(dc) = &needs.dc_charging_parameters {
                all.energy = dc.energy_amount.as_ref().map(energy);
                all.maximum = Some(current(&dc.ev_max_current));
                all.power = dc.ev_max_power.as_ref().map(power);
                all.capacity = dc.ev_energy_capacity.as_ref().map(energy);
                let percent = dc.state_of_charge.map(i64::from);
                all.charge_percent = percent.and_then(|percent| u8::try_from(percent).ok());
            }
            more_needs(&mut all, needs);
            all
        }

        fn held(profile: &wire::ChargingProfileType) -> HeldProfile {
            use wire::ChargingProfilePurposeEnumType as Purpose;
            HeldProfile {
                id: profile.id,
                purpose: match profile.charging_profile_purpose {
                    Purpose::ChargingStationMaxProfile => {
                        HeldPurpose::Ours(ProfilePurpose::StationMaximum)
                    }
                    Purpose::TxDefaultProfile => HeldPurpose::Ours(ProfilePurpose::Default),
                    Purpose::TxProfile => HeldPurpose::Ours(ProfilePurpose::Transaction),
                    other => HeldPurpose::Other(other.as_str().into()),
                },
                stack_level: profile.stack_level.into(),
                transaction: profile
                    .transaction_id
                    .as_ref()
                    .map(|id| TransactionId::from(id.as_str())),
                kind: profile.charging_profile_kind.as_str().into(),
                valid_from: profile.valid_from.as_ref().map(words::at),
                valid_to: profile.valid_to.as_ref().map(words::at),
                schedules: profile.charging_schedule.iter().map(schedule).collect(),
            }
        }
    };
}

pub(crate) use charging;
