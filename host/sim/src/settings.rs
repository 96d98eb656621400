//! Owns the settings of a station under both of their names: the key of 1.6, and component and
//! variable of 2.x. Must never act on a change: the station reads them when it needs them.

/// A setting that the server may read, and perhaps write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its key in 1.6.
    pub key: &'static str,
    /// Its component in 2.x.
    pub component: &'static str,
    /// Its variable in 2.x.
    pub variable: &'static str,
    /// Its value.
    pub value: String,
    /// Whether the server may write it.
    pub writable: bool,
    /// Whether it must be a number.
    pub number: bool,
}

/// How a write went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It holds.
    Accepted,
    /// It cannot be written, or not so.
    Rejected,
    /// No such setting.
    Unknown,
}

/// All settings of a station.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings(Vec<Setting>);

const TABLE: [(&str, &str, &str, &str, bool, bool); 21] = [
    ("HeartbeatInterval", "OCPPCommCtrlr", "HeartbeatInterval", "300", true, true),
    ("MeterValueSampleInterval", "SampledDataCtrlr", "TxUpdatedInterval", "60", true, true),
    ("ClockAlignedDataInterval", "AlignedDataCtrlr", "Interval", "0", true, true),
    ("MeterValuesSampledData", "SampledDataCtrlr", "TxUpdatedMeasurands", MEASURANDS, true, false),
    ("StopTxnSampledData", "SampledDataCtrlr", "TxEndedMeasurands", MEASURANDS, true, false),
    ("ConnectionTimeOut", "TxCtrlr", "EVConnectionTimeOut", "60", true, true),
    ("TransactionMessageAttempts", "OCPPCommCtrlr", "MessageAttempts", "5", true, true),
    (
        "TransactionMessageRetryInterval",
        "OCPPCommCtrlr",
        "MessageAttemptInterval",
        "10",
        true,
        true,
    ),
    ("WebSocketPingInterval", "OCPPCommCtrlr", "WebSocketPingInterval", "60", true, true),
    ("StopTransactionOnInvalidId", "TxCtrlr", "StopTxOnInvalidId", "true", true, false),
    ("AuthorizeRemoteTxRequests", "AuthCtrlr", "AuthorizeRemoteStart", "false", true, false),
    ("LocalAuthorizeOffline", "AuthCtrlr", "LocalAuthorizeOffline", "true", true, false),
    ("LocalAuthListEnabled", "LocalAuthListCtrlr", "Enabled", "true", true, false),
    ("NumberOfConnectors", "ChargingStation", "EVSECount", "1", false, true),
    ("SupportedFeatureProfiles", "ChargingStation", "Features", FEATURES, false, false),
    ("ChargeProfileMaxStackLevel", "SmartChargingCtrlr", "ProfileStackLevel", "8", false, true),
    ("ChargingScheduleMaxPeriods", "SmartChargingCtrlr", "PeriodsPerSchedule", "24", false, true),
    (
        "ChargingScheduleAllowedChargingRateUnit",
        "SmartChargingCtrlr",
        "RateUnit",
        UNITS,
        false,
        false,
    ),
    (OFFLINE, "SmartChargingCtrlr", OFFLINE, "true", false, false),
    (DYNAMIC, "SmartChargingCtrlr", DYNAMIC, "true", false, false),
    ("MaxChargingProfilesInstalled", "SmartChargingCtrlr", "Entries", "16", false, true),
];

/// As 2.x writes them; stations of 1.6 do so too.
const UNITS: &str = "A,W";
const OFFLINE: &str = "SupportsMaxOfflineDuration";
const DYNAMIC: &str = "SupportsDynamicProfiles";
const MEASURANDS: &str = "Energy.Active.Import.Register,Power.Active.Import,Current.Import,SoC";
const FEATURES: &str =
    "Core,FirmwareManagement,LocalAuthListManagement,Reservation,SmartCharging,RemoteTrigger";

impl Settings {
    /// The settings of a new station with so many outlets and this pause between readings.
    pub fn new(evses: usize, sample_s: i64) -> Self {
        let one = |(key, component, variable, value, writable, number): &(
            &'static str,
            &'static str,
            &'static str,
            &'static str,
            bool,
            bool,
        )| Setting {
            key,
            component,
            variable,
            value: (*value).to_owned(),
            writable: *writable,
            number: *number,
        };
        let mut settings = Self(TABLE.iter().map(one).collect());
        settings.put("NumberOfConnectors", evses.to_string());
        settings.put("MeterValueSampleInterval", sample_s.to_string());
        settings
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Setting> {
        self.0.iter()
    }

    /// By the key of 1.6, whose case does not matter.
    pub fn by_key(&self, key: &str) -> Option<&Setting> {
        self.0.iter().find(|setting| setting.key.eq_ignore_ascii_case(key))
    }

    /// By the names of 2.x.
    pub fn by_variable(&self, component: &str, variable: &str) -> Option<&Setting> {
        self.0.iter().find(|setting| {
            setting.component.eq_ignore_ascii_case(component)
                && setting.variable.eq_ignore_ascii_case(variable)
        })
    }

    /// A number by its key of 1.6; 0 when it is none.
    pub fn number(&self, key: &str) -> i64 {
        self.by_key(key).and_then(|setting| setting.value.parse().ok()).unwrap_or(0)
    }

    /// Whether a switch is on.
    pub fn is_on(&self, key: &str) -> bool {
        self.by_key(key).is_some_and(|setting| setting.value.eq_ignore_ascii_case("true"))
    }

    /// The server writes a setting, named by its key of 1.6.
    pub fn write(&mut self, key: &str, value: &str) -> Written {
        let found = self.0.iter_mut().find(|setting| setting.key.eq_ignore_ascii_case(key));
        let Some(setting) = found else {
            return Written::Unknown;
        };
        let fits = !setting.number || value.parse::<u32>().is_ok();
        if !setting.writable || !fits {
            return Written::Rejected;
        }
        value.clone_into(&mut setting.value);
        Written::Accepted
    }

    fn put(&mut self, key: &str, value: String) {
        if let Some(setting) = self.0.iter_mut().find(|setting| setting.key == key) {
            setting.value = value;
        }
    }

    /// The station itself changes one, writable or not.
    pub fn set(&mut self, key: &str, value: i64) {
        self.put(key, value.to_string());
    }
}
