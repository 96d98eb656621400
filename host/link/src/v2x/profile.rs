//! Owns how limits are written and read in 2.x. Must never write a profile of a transaction that
//! does not name it (K01.FR.03).

/// `set`, `clear`, `ask_composite`, `ask_held` and `composite` of a version, and `schedule`, which
/// reads one. Beside it stand `dynamic(&mut ChargingProfileType, &Profile)`, which adds what only
/// some have, and `limit(&ChargingSchedulePeriodType)`.
macro_rules! profile {
    ($version:ident) => {
        use busbar_charging::input::schedule::Schedule;
        use busbar_charging::load::kernel::capability::RateUnit;
        use busbar_charging::load::kernel::profile::{Begins, Profile, ProfilePurpose};
        use busbar_charging::units::Millis;
        use busbar_ocpp::Leniency;
        use busbar_ocpp::values::{List, Number, Str};
        use busbar_ocpp::$version as wire;

        use crate::profile::{ALWAYS, Unwritable, whole};
        use crate::schedule::Told;
        use crate::words;

        /// SetChargingProfile.
        pub(crate) fn set(profile: &Profile) -> Result<String, Unwritable> {
            let id = profile.transaction.as_ref().map(|id| Str::new(id.as_str()));
            let transaction_id = id.transpose().map_err(|_| Unwritable::TransactionId)?;
            if profile.purpose == ProfilePurpose::Transaction && transaction_id.is_none() {
                return Err(Unwritable::NoTransaction);
            }
            let mut charging_profile = wire::ChargingProfileType {
                id: profile.id.into(),
                stack_level: whole(profile.stack_level)?,
                charging_profile_purpose: purpose(profile.purpose),
                charging_profile_kind: match profile.begins {
                    Begins::WithTransaction => wire::ChargingProfileKindEnumType::Relative,
                    _ => wire::ChargingProfileKindEnumType::Absolute,
                },
                transaction_id,
                charging_schedule: List::one(schedule_of(profile)?),
                ..Default::default()
            };
            dynamic(&mut charging_profile, profile)?;
            Ok(encode(wire::SetChargingProfileRequest {
                evse_id: whole(profile.evse)?,
                charging_profile,
                ..Default::default()
            }))
        }

        fn schedule_of(profile: &Profile) -> Result<wire::ChargingScheduleType, Unwritable> {
            let mut periods = Vec::with_capacity(profile.periods.len());
            for period in &profile.periods {
                let phases = Some(period.phases).filter(|phases| *phases > 0);
                periods.push(wire::ChargingSchedulePeriodType {
                    start_period: period.start_seconds,
                    limit: Number::from_fixed(period.tenths.max(0), 1).into(),
                    number_phases: phases.map(whole).transpose()?,
                    ..Default::default()
                });
            }
            Ok(wire::ChargingScheduleType {
                id: profile.id.into(),
                start_schedule: match profile.begins {
                    Begins::At(start) => Some(words::time(start)),
                    Begins::Always => Some(words::time(ALWAYS)),
                    Begins::WithTransaction | Begins::OnReceipt => None,
                },
                duration: profile.duration_seconds,
                charging_rate_unit: unit(profile.unit),
                charging_schedule_period: List::new(periods).map_err(|_| Unwritable::Periods)?,
                ..Default::default()
            })
        }

        /// ClearChargingProfile.
        pub(crate) fn clear(id: i32) -> String {
            encode(wire::ClearChargingProfileRequest {
                charging_profile_id: Some(id.into()),
                ..Default::default()
            })
        }

        /// GetCompositeSchedule.
        pub(crate) fn ask_composite(
            evse: u32,
            seconds: u32,
            unit: RateUnit,
        ) -> Result<String, Unwritable> {
            Ok(encode(wire::GetCompositeScheduleRequest {
                duration: seconds.into(),
                charging_rate_unit: Some(self::unit(unit)),
                evse_id: whole(evse)?,
                ..Default::default()
            }))
        }

        /// GetChargingProfiles.
        pub(crate) fn ask_held(request: i32, evse: Option<u32>) -> Result<String, Unwritable> {
            Ok(encode(wire::GetChargingProfilesRequest {
                request_id: request.into(),
                evse_id: evse.map(whole).transpose()?,
                charging_profile: wire::ChargingProfileCriterionType::default(),
                ..Default::default()
            }))
        }

        /// The answer to GetCompositeSchedule.
        pub(crate) fn composite(response: &str) -> Result<Schedule, String> {
            let action = "GetCompositeSchedule";
            let decoded = wire::Response::decode(action, response, Leniency::Tolerant);
            let wire::Response::GetCompositeSchedule(answer) =
                decoded.map_err(|fault| fault.description)?.message
            else {
                return Err("another answer".to_owned());
            };
            if answer.status != wire::GenericStatusEnumType::Accepted {
                return Err("the station rejected the question".to_owned());
            }
            let schedule = answer.schedule.as_ref().ok_or("the answer holds no schedule")?;
            let periods = &schedule.charging_schedule_period;
            let steps = periods
                .iter()
                .map(|period| told(period, schedule.charging_rate_unit).step_of_composite());
            Ok(Schedule {
                begins: words::set_clock(&schedule.schedule_start),
                duration: Some(Millis::from_secs(schedule.duration)),
                steps: steps.collect(),
            })
        }

        /// The answer to GetChargingProfiles.
        pub(crate) fn holds(response: &str) -> Result<bool, String> {
            let action = "GetChargingProfiles";
            let decoded = wire::Response::decode(action, response, Leniency::Tolerant);
            let wire::Response::GetChargingProfiles(answer) =
                decoded.map_err(|fault| fault.description)?.message
            else {
                return Err("another answer".to_owned());
            };
            Ok(answer.status == wire::GetChargingProfileStatusEnumType::Accepted)
        }

        /// A schedule that the station tells.
        pub(super) fn schedule(schedule: &wire::ChargingScheduleType) -> Schedule {
            let periods = &schedule.charging_schedule_period;
            let steps = periods.iter().map(|p| told(p, schedule.charging_rate_unit).step());
            Schedule {
                begins: schedule.start_schedule.as_ref().and_then(words::set_clock),
                duration: schedule.duration.map(Millis::from_secs),
                steps: steps.collect(),
            }
        }

        fn told(
            period: &wire::ChargingSchedulePeriodType,
            unit: wire::ChargingRateUnitEnumType,
        ) -> Told<'_> {
            Told {
                start: period.start_period,
                limit: limit(period),
                amperes: unit == wire::ChargingRateUnitEnumType::A,
                phases: period.number_phases.map(i64::from),
            }
        }

        fn encode(request: impl Into<wire::Request>) -> String {
            request.into().encode()
        }

        fn purpose(purpose: ProfilePurpose) -> wire::ChargingProfilePurposeEnumType {
            match purpose {
                ProfilePurpose::StationMaximum => {
                    wire::ChargingProfilePurposeEnumType::ChargingStationMaxProfile
                }
                ProfilePurpose::Default => wire::ChargingProfilePurposeEnumType::TxDefaultProfile,
                ProfilePurpose::Transaction => wire::ChargingProfilePurposeEnumType::TxProfile,
            }
        }

        fn unit(unit: RateUnit) -> wire::ChargingRateUnitEnumType {
            match unit {
                RateUnit::Amperes => wire::ChargingRateUnitEnumType::A,
                RateUnit::Watts => wire::ChargingRateUnitEnumType::W,
            }
        }
    };
}

pub(crate) use profile;
