//! Owns how a simulated station speaks OCPP 1.6. Must never decide what it does.

mod limits;
mod orders;

use busbar_ocpp::Leniency;
use busbar_ocpp::v16::{self as ocpp, Request, Response};
use busbar_ocpp::values::List;

pub(super) use orders::obey;

use super::{milli, text, time};
use crate::spec::Spec;
use crate::words::{
    Answer, Context, Phase, Reading, Reason, Registration, Report, Status, TxEvent,
};

pub(super) fn request(spec: &Spec, report: &Report) -> (&'static str, String) {
    let request = match report {
        Report::Boot(_) => boot(spec),
        Report::Heartbeat
        | Report::Variables { .. }
        | Report::Profiles { .. }
        | Report::Needs { .. }
        | Report::Limited { .. }
        | Report::Pull { .. } => ocpp::HeartbeatRequest::default().into(),
        Report::Status { evse, status, at_ms } => status_request(*evse, *status, *at_ms),
        Report::Authorize(token) => {
            ocpp::AuthorizeRequest { id_tag: text(&token.id), ..Default::default() }.into()
        }
        Report::Tx(event) => return self::event(spec, event, 0),
        Report::Meter { evse, reading } => ocpp::MeterValuesRequest {
            connector_id: i64::from(*evse),
            meter_value: List::one(meter_value(spec, reading)),
            ..Default::default()
        }
        .into(),
        Report::Firmware { request_id, signed } => firmware(*request_id, *signed),
        Report::Log { request_id } => log(*request_id),
    };
    (request.action(), request.encode())
}

pub(super) fn event(spec: &Spec, event: &TxEvent, number: i64) -> (&'static str, String) {
    let request = match event.phase {
        Phase::Started => start(event),
        Phase::Updated => meter_values(spec, event, number),
        Phase::Ended => stop(spec, event, number),
    };
    (request.action(), request.encode())
}

pub(super) fn answer(report: &Report, payload: &str) -> Option<Answer> {
    match (report, response(action_of(report), payload)?) {
        (_, Response::BootNotification(boot)) => Some(Answer::Boot {
            registration: match boot.status {
                ocpp::RegistrationStatus::Accepted => Registration::Accepted,
                ocpp::RegistrationStatus::Pending => Registration::Pending,
                ocpp::RegistrationStatus::Rejected => Registration::Rejected,
            },
            interval_s: boot.interval,
            time_ms: boot.current_time.epoch_ms(),
        }),
        (_, Response::Heartbeat(beat)) => Some(Answer::Time(beat.current_time.epoch_ms())),
        (_, Response::Authorize(answer)) => Some(Answer::Authorized(accepted(&answer.id_tag_info))),
        _ => Some(Answer::Noted),
    }
}

pub(super) fn event_answer(event: &TxEvent, payload: &str) -> Option<Answer> {
    let action = match event.phase {
        Phase::Started => "StartTransaction",
        Phase::Updated => "MeterValues",
        Phase::Ended => "StopTransaction",
    };
    match response(action, payload)? {
        Response::StartTransaction(start) => Some(Answer::Tx {
            number: Some(start.transaction_id),
            accepted: Some(accepted(&start.id_tag_info)),
        }),
        Response::StopTransaction(stop) => {
            Some(Answer::Tx { number: None, accepted: stop.id_tag_info.as_ref().map(accepted) })
        }
        _ => Some(Answer::Noted),
    }
}

fn response(action: &str, payload: &str) -> Option<Response> {
    Response::decode(action, payload, Leniency::Tolerant).ok().map(|decoded| decoded.message)
}

fn action_of(report: &Report) -> &'static str {
    match report {
        Report::Boot(_) => "BootNotification",
        Report::Heartbeat
        | Report::Variables { .. }
        | Report::Profiles { .. }
        | Report::Needs { .. }
        | Report::Limited { .. }
        | Report::Pull { .. } => "Heartbeat",
        Report::Status { .. } => "StatusNotification",
        Report::Authorize(_) => "Authorize",
        Report::Tx(_) | Report::Meter { .. } => "MeterValues",
        Report::Firmware { signed: true, .. } => "SignedFirmwareStatusNotification",
        Report::Firmware { .. } => "FirmwareStatusNotification",
        Report::Log { request_id: Some(_) } => "LogStatusNotification",
        Report::Log { request_id: None } => "DiagnosticsStatusNotification",
    }
}

fn accepted(info: &ocpp::IdTagInfo) -> bool {
    info.status == ocpp::AuthorizationStatus::Accepted
}

fn boot(spec: &Spec) -> Request {
    ocpp::BootNotificationRequest {
        charge_point_vendor: text(&spec.vendor),
        charge_point_model: text(&spec.model),
        charge_point_serial_number: Some(text(&spec.identity)),
        firmware_version: Some(text("1.4.2")),
        meter_type: Some(text("DIN rail")),
        ..Default::default()
    }
    .into()
}

fn status_request(evse: u16, status: Status, at_ms: i64) -> Request {
    let faulted = status == Status::Faulted;
    ocpp::StatusNotificationRequest {
        connector_id: i64::from(evse),
        error_code: if faulted {
            ocpp::ChargePointErrorCode::GroundFailure
        } else {
            ocpp::ChargePointErrorCode::NoError
        },
        status: match status {
            Status::Available => ocpp::ChargePointStatus::Available,
            Status::Preparing => ocpp::ChargePointStatus::Preparing,
            Status::Charging => ocpp::ChargePointStatus::Charging,
            Status::SuspendedEv => ocpp::ChargePointStatus::SuspendedEV,
            Status::SuspendedEvse => ocpp::ChargePointStatus::SuspendedEVSE,
            Status::Finishing => ocpp::ChargePointStatus::Finishing,
            Status::Reserved => ocpp::ChargePointStatus::Reserved,
            Status::Unavailable => ocpp::ChargePointStatus::Unavailable,
            Status::Faulted => ocpp::ChargePointStatus::Faulted,
        },
        timestamp: Some(time(at_ms)),
        ..Default::default()
    }
    .into()
}

fn firmware(request_id: Option<i64>, signed: bool) -> Request {
    if signed {
        return ocpp::SignedFirmwareStatusNotificationRequest {
            status: ocpp::FirmwareStatusEnumType::Installed,
            request_id,
            ..Default::default()
        }
        .into();
    }
    ocpp::FirmwareStatusNotificationRequest {
        status: ocpp::FirmwareStatus::Idle,
        ..Default::default()
    }
    .into()
}

fn log(request_id: Option<i64>) -> Request {
    if request_id.is_some() {
        return ocpp::LogStatusNotificationRequest {
            status: ocpp::UploadLogStatusEnumType::Uploaded,
            request_id,
            ..Default::default()
        }
        .into();
    }
    ocpp::DiagnosticsStatusNotificationRequest {
        status: ocpp::DiagnosticsStatus::Idle,
        ..Default::default()
    }
    .into()
}

fn start(event: &TxEvent) -> Request {
    let token = event.token.as_ref().map_or("", |token| token.id.as_str());
    ocpp::StartTransactionRequest {
        connector_id: i64::from(event.evse),
        id_tag: text(token),
        meter_start: event.meter_mwh / 1000,
        reservation_id: event.reservation_id,
        timestamp: time(event.at_ms),
        ..Default::default()
    }
    .into()
}

fn meter_values(spec: &Spec, event: &TxEvent, number: i64) -> Request {
    let values: Vec<_> = event.readings.iter().map(|reading| meter_value(spec, reading)).collect();
    ocpp::MeterValuesRequest {
        connector_id: i64::from(event.evse),
        transaction_id: Some(number),
        meter_value: List::new(values).unwrap_or_default(),
        ..Default::default()
    }
    .into()
}

fn stop(spec: &Spec, event: &TxEvent, number: i64) -> Request {
    let data = event.readings.iter().map(|reading| ocpp::TransactionData {
        timestamp: time(reading.at_ms),
        sampled_value: samples(spec, reading),
        ..Default::default()
    });
    ocpp::StopTransactionRequest {
        id_tag: event.token.as_ref().map(|token| text(&token.id)),
        meter_stop: event.meter_mwh / 1000,
        timestamp: time(event.at_ms),
        transaction_id: number,
        reason: event.reason.map(reason),
        transaction_data: spec.stop_data.then(|| data.collect()),
        ..Default::default()
    }
    .into()
}

fn reason(reason: Reason) -> ocpp::Reason {
    match reason {
        Reason::Local => ocpp::Reason::Local,
        Reason::Remote => ocpp::Reason::Remote,
        Reason::Disconnected => ocpp::Reason::EVDisconnected,
        Reason::DeAuthorized => ocpp::Reason::DeAuthorized,
        Reason::SoftReset => ocpp::Reason::SoftReset,
        Reason::HardReset => ocpp::Reason::HardReset,
        Reason::PowerLoss => ocpp::Reason::PowerLoss,
        Reason::Unlock => ocpp::Reason::UnlockCommand,
        Reason::Emergency => ocpp::Reason::EmergencyStop,
    }
}

fn meter_value(spec: &Spec, reading: &Reading) -> ocpp::MeterValue {
    ocpp::MeterValue {
        timestamp: time(reading.at_ms),
        sampled_value: List::new(samples(spec, reading)).unwrap_or_default(),
        ..Default::default()
    }
}

fn samples(spec: &Spec, reading: &Reading) -> Vec<ocpp::SampledValue> {
    use ocpp::{Measurand, UnitOfMeasure};
    let context = match reading.context {
        Context::Begin => ocpp::ReadingContext::TransactionBegin,
        Context::Periodic => ocpp::ReadingContext::SamplePeriodic,
        Context::End => ocpp::ReadingContext::TransactionEnd,
        Context::Asked => ocpp::ReadingContext::Trigger,
    };
    let sample = |value: String, measurand, unit, phase| ocpp::SampledValue {
        value: value.into(),
        context: Some(context.clone()),
        measurand: Some(measurand),
        phase,
        location: None,
        unit: Some(unit),
        ..Default::default()
    };
    // Registers of 1.6 stations count whole watt-hours.
    let wh = reading.energy_mwh / 1000;
    let (energy, unit) = if spec.in_kwh {
        (milli(wh).to_string(), UnitOfMeasure::KWh)
    } else {
        (wh.to_string(), UnitOfMeasure::Wh)
    };
    let mut all = vec![sample(energy, Measurand::EnergyActiveImportRegister, unit, None)];
    if let Some(power) = reading.told_power(spec.tells) {
        let measurand = Measurand::PowerActiveImport;
        all.push(sample(power.to_string(), measurand, UnitOfMeasure::W, None));
    }
    let phases = [ocpp::Phase::L1, ocpp::Phase::L2, ocpp::Phase::L3];
    for (phase, current) in phases.into_iter().zip(reading.told_currents(spec.tells)) {
        let (current, measurand) = (milli(current).to_string(), Measurand::CurrentImport);
        all.push(sample(current, measurand, UnitOfMeasure::A, Some(phase)));
    }
    if let Some(soc) = reading.soc_permille {
        let soc = (soc / 10).to_string();
        all.push(sample(soc, Measurand::SoC, UnitOfMeasure::Percent, None));
    }
    all
}
