"""Names and corrections which the schema files do not give.

Everything here is a decision of this project: speaking names for the anonymous
types of OCPP 1.6, which enums can hold a value nobody has listed, who sends
which action, and the errata by which the published files are corrected.
"""

# OCPP 1.6 nests its types without names. Objects are known by the property that
# holds them, enums by (property) or by (message, property).
V16_OBJECTS = {
    "idTagInfo": "IdTagInfo",
    "localAuthorizationList": "AuthorizationData",
    "chargingSchedule": "ChargingSchedule",
    "chargingSchedulePeriod": "ChargingSchedulePeriod",
    "chargingProfile": "ChargingProfile",
    "csChargingProfiles": "ChargingProfile",
    "configurationKey": "KeyValue",
    "meterValue": "MeterValue",
    "transactionData": "TransactionData",
    "sampledValue": "SampledValue",
}

V16_ENUMS = {
    "idTagInfo.status": "AuthorizationStatus",
    "chargingProfilePurpose": "ChargingProfilePurposeType",
    "chargingProfileKind": "ChargingProfileKindType",
    "recurrencyKind": "RecurrencyKindType",
    "chargingRateUnit": "ChargingRateUnitType",
    "context": "ReadingContext",
    "format": "ValueFormat",
    "measurand": "Measurand",
    "phase": "Phase",
    "location": "Location",
    "unit": "UnitOfMeasure",
    "errorCode": "ChargePointErrorCode",
    "reason": "Reason",
    "updateType": "UpdateType",
    "requestedMessage": "MessageTrigger",
    "BootNotificationResponse.status": "RegistrationStatus",
    "CancelReservationResponse.status": "CancelReservationStatus",
    "ChangeAvailability.type": "AvailabilityType",
    "ChangeAvailabilityResponse.status": "AvailabilityStatus",
    "ChangeConfigurationResponse.status": "ConfigurationStatus",
    "ClearCacheResponse.status": "ClearCacheStatus",
    "ClearChargingProfileResponse.status": "ClearChargingProfileStatus",
    "DataTransferResponse.status": "DataTransferStatus",
    "DiagnosticsStatusNotification.status": "DiagnosticsStatus",
    "FirmwareStatusNotification.status": "FirmwareStatus",
    "GetCompositeScheduleResponse.status": "GetCompositeScheduleStatus",
    "RemoteStartTransactionResponse.status": "RemoteStartStopStatus",
    "RemoteStopTransactionResponse.status": "RemoteStartStopStatus",
    "ReserveNowResponse.status": "ReservationStatus",
    "Reset.type": "ResetType",
    "ResetResponse.status": "ResetStatus",
    "SendLocalListResponse.status": "UpdateStatus",
    "SetChargingProfileResponse.status": "ChargingProfileStatus",
    "StatusNotification.status": "ChargePointStatus",
    "TriggerMessageResponse.status": "TriggerMessageStatus",
    "UnlockConnectorResponse.status": "UnlockStatus",
}

# Enums of which an unknown value loses nothing that decides or bills: under the
# tolerant policy it is held as `Unlisted` and counted.
OPEN_ENUMS = {
    "v16": {
        "ReadingContext",
        "Measurand",
        "Location",
        "UnitOfMeasure",
        "ChargePointErrorCode",
        "Reason",
    },
    "v201": {
        "ReadingContextEnumType",
        "MeasurandEnumType",
        "LocationEnumType",
        "ReasonEnumType",
        "BootReasonEnumType",
        "ChargingLimitSourceEnumType",
        "ConnectorEnumType",
    },
    "v21": {
        "ReadingContextEnumType",
        "MeasurandEnumType",
        "LocationEnumType",
        "ReasonEnumType",
        "BootReasonEnumType",
    },
}

# Fields which the schema requires and real stations (or the standard's own
# example) leave out: absence is a violation that the tolerant policy bears.
EXPECTED_FIELDS = {("v21", "NotifyPeriodicEventStream", "basetime")}

# Corrections of the schema files as PyPI `ocpp` 2.1.0 ships them.
UNITS = ["Celcius", "Celsius", "Fahrenheit", "Percent", "Hertz"]


def errata_v16(message, schema):
    """Both spellings of Celsius, and Hertz, wherever a unit stands."""
    for name in ("meterValue", "transactionData"):
        lists = schema.get("properties", {}).get(name)
        if lists is None:
            continue
        unit = lists["items"]["properties"]["sampledValue"]["items"]["properties"]["unit"]
        unit["enum"] = [u for u in unit["enum"] if u not in UNITS] + UNITS


FROM_CSMS = """
AFRRSignal AdjustPeriodicEventStream CancelReservation CertificateSigned ChangeAvailability
ChangeConfiguration ChangeTransactionTariff ClearCache ClearChargingProfile ClearDERControl
ClearDisplayMessage ClearTariffs ClearVariableMonitoring CostUpdated CustomerInformation
DeleteCertificate ExtendedTriggerMessage GetBaseReport GetChargingProfiles GetCompositeSchedule
GetConfiguration GetDERControl GetDiagnostics GetDisplayMessages GetInstalledCertificateIds
GetLocalListVersion GetLog GetMonitoringReport GetPeriodicEventStream GetReport GetTariffs
GetTransactionStatus GetVariables InstallCertificate PublishFirmware RemoteStartTransaction
RemoteStopTransaction RequestBatterySwap RequestStartTransaction RequestStopTransaction ReserveNow
Reset SendLocalList SetChargingProfile SetDERControl SetDefaultTariff SetDisplayMessage
SetMonitoringBase SetMonitoringLevel SetNetworkProfile SetVariableMonitoring SetVariables
SignedUpdateFirmware TriggerMessage UnlockConnector UnpublishFirmware UpdateDynamicSchedule
UpdateFirmware UsePriorityCharging
""".split()

# Sent by the CSMS, and answered when a station sends them: sources disagree.
BOTH = ["DataTransfer", "NotifyAllowedEnergyTransfer", "NotifyWebPaymentStarted"]
