//! Owns what 2.x's requests say in the core's words.
//! Must never refuse what a station reports about a transaction for what it means (OCPP.md rule 5).

/// `read` of a version. `costs_run` is true where the answer to Updated has room for a cost.
macro_rules! inbound {
    ($version:ident, costs_run: $costs_run:literal) => {
        use busbar_charging::fact::metering::{Report, ReportKind};
        use busbar_charging::ids::{IdToken, TransactionId};
        use busbar_charging::input::{StationEvent, TransactionRef};
        use busbar_ocpp::$version as wire;
        use busbar_ocpp::{Decoded, Fault, Leniency};

        use super::{charging, metering, outbound};
        use crate::adapter::{Answer, Said};
        use crate::words::{self, given, said, within};

        /// Why a transaction stopped where a station does not say (PITFALLS 16).
        const DEFAULT_REASON: &str = "Local";

        /// Reads the payload of a call.
        pub(crate) fn read(
            action: &str,
            payload: &str,
            leniency: Leniency,
        ) -> Result<Decoded<Said>, Fault> {
            let decoded = wire::Request::decode(action, payload, leniency)?;
            Ok(decoded.map(|request| meaning(&request, payload)))
        }

        fn meaning(request: &wire::Request, payload: &str) -> Said {
            let empty = || Answer::Plain("{}".into());
            let (event, answer) = match request {
                wire::Request::Heartbeat(_) => return Said::Heartbeat,
                wire::Request::BootNotification(boot) => (booted(boot), Answer::Boot),
                wire::Request::Authorize(authorize) => {
                    let token = id_token(&authorize.id_token);
                    (StationEvent::Authorize { token }, Answer::Authorize)
                }
                wire::Request::TransactionEvent(event) => transaction(event),
                wire::Request::StatusNotification(status) => (self::status(status), empty()),
                wire::Request::MeterValues(values) => (metered(values), empty()),
                wire::Request::NotifyEvent(notify) => {
                    return Said::Events { events: notified(notify, payload), answer: empty() };
                }
                other => match charging::notice(other) {
                    Some((notice, answer)) => {
                        let (action, payload) = (other.action().into(), payload.into());
                        (StationEvent::Charging { notice, action, payload }, answer)
                    }
                    None => {
                        (self::other(other, payload), Answer::Plain(outbound::plain(other).into()))
                    }
                },
            };
            Said::Events { events: vec![event], answer }
        }

        fn other(request: &wire::Request, payload: &str) -> StationEvent {
            StationEvent::Other { action: request.action().into(), payload: payload.into() }
        }

        fn id_token(token: &wire::IdTokenType) -> IdToken {
            IdToken::new(IdToken::kind_from_name(token.r#type.as_str()), &token.id_token)
        }

        fn booted(boot: &wire::BootNotificationRequest) -> StationEvent {
            let station = &boot.charging_station;
            StationEvent::Booted {
                vendor: station.vendor_name.as_str().into(),
                model: station.model.as_str().into(),
                serial: station.serial_number.as_deref().and_then(said).map(Into::into),
                firmware: station.firmware_version.as_deref().and_then(said).map(Into::into),
                reason: Some(boot.reason.as_str().into()),
            }
        }

        fn transaction(event: &wire::TransactionEventRequest) -> (StationEvent, Answer) {
            let kind = match event.event_type {
                wire::TransactionEventEnumType::Started => ReportKind::Started,
                wire::TransactionEventEnumType::Updated => ReportKind::Updated,
                wire::TransactionEventEnumType::Ended => ReportKind::Ended,
            };
            let info = &event.transaction_info;
            let reason = info.stopped_reason.as_ref().map(wire::ReasonEnumType::as_str);
            let reason = reason.or((kind == ReportKind::Ended).then_some(DEFAULT_REASON));
            let report = Report {
                kind,
                at: words::at(&event.timestamp),
                seq: Some(event.seq_no.into()),
                trigger: event.trigger_reason.as_str().into(),
                offline: event.offline.unwrap_or(false),
                evse: event.evse.as_ref().and_then(|evse| within(evse.id)),
                connector: event.evse.as_ref().and_then(|evse| evse.connector_id).and_then(within),
                token: event.id_token.as_ref().map(id_token),
                state: info.charging_state.and_then(|s| words::charging_state(s.as_str())),
                stopped_reason: reason.map(Into::into),
                remote_start: info.remote_start_id,
                reservation: event.reservation_id.and_then(given),
                readings: metering::readings(event.meter_value.as_deref().unwrap_or_default()),
            };
            let wants_cost = match kind {
                ReportKind::Started => false,
                ReportKind::Updated => $costs_run,
                ReportKind::Ended => true,
            };
            let answer = Answer::Event { token: report.token.is_some(), cost: wants_cost };
            let id = TransactionId::from(info.transaction_id.as_str());
            let transaction = TransactionRef::Known(id);
            (StationEvent::Transaction { transaction, report, wants_cost }, answer)
        }

        fn metered(values: &wire::MeterValuesRequest) -> StationEvent {
            StationEvent::Readings {
                evse: words::place(values.evse_id).unwrap_or_default(),
                readings: metering::readings(&values.meter_value),
            }
        }

        fn status(status: &wire::StatusNotificationRequest) -> StationEvent {
            use busbar_charging::fact::station::ConnectorStatus;
            let known = words::connector_status(status.connector_status.as_str());
            StationEvent::Status {
                evse: words::place(status.evse_id).unwrap_or_default(),
                connector: words::place(status.connector_id).unwrap_or_default(),
                // Every name of 2.x is known; a fault is what shows if that should change.
                status: known.unwrap_or(ConnectorStatus::Faulted),
                reported: words::set_clock(&status.timestamp),
                error: None,
            }
        }

        /// Availability states are statuses (PITFALLS 77); all else is recorded as it came.
        fn notified(notify: &wire::NotifyEventRequest, payload: &str) -> Vec<StationEvent> {
            let statuses = notify.event_data.iter().map(availability);
            let complete = statuses.clone().all(|status| status.is_some());
            let mut events: Vec<_> = statuses.flatten().collect();
            if !complete || events.is_empty() {
                let (action, payload) = ("NotifyEvent".into(), payload.into());
                events.push(StationEvent::Other { action, payload });
            }
            events
        }

        /// The status that an event tells, if it is of a connector's or the station's availability.
        fn availability(event: &wire::EventDataType) -> Option<StationEvent> {
            if !event.variable.name.eq_ignore_ascii_case("AvailabilityState") {
                return None;
            }
            let component = event.component.name.as_str();
            let (evse, connector) = match &event.component.evse {
                Some(evse) if component.eq_ignore_ascii_case("Connector") => {
                    (within(evse.id)?, within(evse.connector_id?)?)
                }
                None if component.eq_ignore_ascii_case("ChargingStation") => (0, 0),
                _ => return None,
            };
            let parts = [event.tech_code.as_deref(), event.tech_info.as_deref()];
            let error = parts.into_iter().flatten().filter_map(said).collect::<Vec<_>>().join(", ");
            Some(StationEvent::Status {
                evse,
                connector,
                status: words::connector_status(event.actual_value.trim())?,
                reported: words::set_clock(&event.timestamp),
                error: said(&error).map(Into::into),
            })
        }
    };
}

pub(crate) use inbound;
