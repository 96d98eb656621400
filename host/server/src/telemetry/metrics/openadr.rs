//! Owns the metrics of the OpenADR client. A label names a site of the configuration file, never
//! what a VTN chose.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PollLabels {
    site: String,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SiteLabel {
    site: String,
}

/// The families.
#[derive(Default)]
pub(super) struct OpenAdrMetrics {
    polls: Family<PollLabels, Counter>,
    bad_events: Family<SiteLabel, Counter>,
}

impl OpenAdrMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Looks at the VTN of a site, by what became of them";
        registry.register("openadr_polls", help, self.polls.clone());
        let help = "Events of the VTN of a site that could not be read and were left out";
        registry.register("openadr_bad_events", help, self.bad_events.clone());
    }

    pub(super) fn poll(&self, site: &str, result: &'static str) {
        self.polls.get_or_create(&PollLabels { site: site.to_owned(), result }).inc();
    }

    pub(super) fn bad_event(&self, site: &str) {
        self.bad_events.get_or_create(&SiteLabel { site: site.to_owned() }).inc();
    }
}
