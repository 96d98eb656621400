//! Owns the OpenADR 3 client of sites: it asks a VTN for a program's events again and again, and
//! tells the site what they mean, as an operator would over the API: limits of a circuit, prices.
//! It says that it is there only after the VTN was heard, so that the site's own time-out leads to
//! the fallback when it is not. Must never decide who gets what, nor hold a limit of its own.

mod http;
mod signals;
mod vtn;
mod wire;

use std::collections::BTreeSet;
use std::time::Duration;

use busbar_charging::action::Done;
use busbar_charging::fact::Actor;
use busbar_charging::fact::load::PriceSlot;
use busbar_charging::ids::SiteId;
use busbar_charging::input::Request;
use busbar_charging::load::external::Window;
use busbar_charging::subject::Subject;
use busbar_charging::units::{Currency, Timestamp};

pub use self::http::Endpoint;
use self::signals::{Bad, Listener, Signals};
use self::vtn::Vtn;
use crate::clock;
use crate::config::{OpenAdr, SiteFile};
use crate::http::problem::Problem;
use crate::node::Node;
use crate::secrets;
use crate::telemetry::Metrics;

/// The source of its limits in a site's tree, and who tells them.
pub const SOURCE: &str = "openadr";
/// How long the node may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// A VTN that fails again and again is asked at least so often, or as often as configured.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// Why a look at a VTN came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Failure {
    /// One of a few words of ours, for the metrics.
    kind: &'static str,
    /// For people.
    why: String,
}

impl Failure {
    fn new(kind: &'static str, why: String) -> Self {
        Self { kind, why }
    }
}

/// Follows the VTNs of all sites that have one, until the tasks are ended.
pub fn follow(
    node: &Node,
    metrics: &Metrics,
    sites: &[SiteFile],
) -> Vec<tokio::task::JoinHandle<()>> {
    let with = sites.iter().filter_map(|site| Some((site, site.openadr.as_ref()?)));
    let start = |(site, config): (&SiteFile, &OpenAdr)| {
        let follower = Follower {
            node: node.clone(),
            metrics: metrics.clone(),
            site: site.id.clone(),
            currency: site.currency,
            vtn: Vtn::new(config),
            config: config.clone(),
            told: Told::default(),
            failing: None,
        };
        tokio::spawn(follower.run())
    };
    with.map(start).collect()
}

struct Follower {
    node: Node,
    metrics: Metrics,
    site: SiteId,
    currency: Currency,
    config: OpenAdr,
    vtn: Vtn,
    told: Told,
    /// What fails, and how often in a row.
    failing: Option<(&'static str, u32)>,
}

/// What was told already.
#[derive(Default)]
struct Told {
    /// None before the first time: what an earlier process told may stand.
    limits: Option<Vec<Window>>,
    prices: Vec<PriceSlot>,
    bad: BTreeSet<Bad>,
    unused: BTreeSet<String>,
}

impl Told {
    /// Whether these are the limits that were told, but for those that are over.
    fn is_same(&mut self, limits: &[Window], now: Timestamp) -> bool {
        self.limits.as_mut().is_some_and(|told| {
            told.retain(|one| one.until > now);
            *told == limits
        })
    }
}

impl Follower {
    async fn run(mut self) {
        loop {
            let looked = self.look().await;
            self.metrics.openadr_poll(
                self.site.as_str(),
                looked.as_ref().map_or_else(|failure| failure.kind, |()| "ok"),
            );
            let pause = self.noted(looked.err());
            tokio::time::sleep(pause).await;
        }
    }

    /// One look: what the VTN says is told to the site where it is new, and that it was heard.
    async fn look(&mut self) -> Result<(), Failure> {
        let said = self.vtn.said().await?;
        let now = clock::now();
        let listener = Listener { ven: &self.config.ven_name, currency: self.currency };
        let found = signals::signals(&said.program, &said.events, &listener, now);
        self.name_what_is_left_out(&found);
        self.tell_limits(found.limits, now).await?;
        self.tell_prices(found.prices, now).await
    }

    async fn tell_limits(&mut self, limits: Vec<Window>, now: Timestamp) -> Result<(), Failure> {
        let is_same = self.told.is_same(&limits, now);
        let request = Request::LimitLoad {
            circuit: self.config.circuit.as_str().into(),
            source: SOURCE.into(),
            windows: (!is_same).then(|| limits.clone()),
        };
        self.tell(request).await?;
        if !is_same {
            let (site, count) = (&self.site, limits.len());
            tracing::info!(%site, limits = count, "OpenADR: limits are told");
            self.told.limits = Some(limits);
        }
        Ok(())
    }

    async fn tell_prices(&mut self, prices: Vec<PriceSlot>, now: Timestamp) -> Result<(), Failure> {
        self.told.prices.retain(|one| one.until > now);
        // A program without prices leaves alone what others say of them.
        if self.told.prices == prices {
            return Ok(());
        }
        self.tell(Request::PriceLoad { slots: prices.clone() }).await?;
        let (site, count) = (&self.site, prices.len());
        tracing::info!(%site, prices = count, "OpenADR: prices are told");
        self.told.prices = prices;
        Ok(())
    }

    async fn tell(&self, request: Request) -> Result<Done, Failure> {
        let (subject, actor) = (Subject::Site(self.site.clone()), Actor::User(SOURCE.into()));
        self.node
            .ask(subject, actor, request, PATIENCE)
            .await
            .map_err(|error| Failure::new("not_taken", Problem::from(error).detail().to_owned()))
    }

    /// Says once what an event is left out for, and what is not acted on at all.
    fn name_what_is_left_out(&mut self, found: &Signals) {
        let site = &self.site;
        let bad: BTreeSet<_> = found.bad.iter().cloned().collect();
        for Bad { event, why } in bad.difference(&self.told.bad) {
            self.metrics.openadr_bad_event(site.as_str());
            tracing::warn!(%site, %event, %why, "OpenADR: the event is left out");
        }
        for kind in found.unused.difference(&self.told.unused) {
            tracing::info!(%site, %kind, "OpenADR: nothing is made of such payloads");
        }
        self.told.bad = bad;
        self.told.unused.clone_from(&found.unused);
    }

    /// Notes how a look went, and says how long to wait: with some chance in it, so that not all
    /// hosts ask at once.
    fn noted(&mut self, failure: Option<Failure>) -> Duration {
        let (site, poll) = (&self.site, self.config.poll);
        let Some(Failure { kind, why }) = failure else {
            if self.failing.take().is_some() {
                tracing::info!(%site, "OpenADR: the VTN is heard again");
            }
            return between(poll.mul_f32(0.9), poll);
        };
        let before = self.failing.filter(|(known, _)| *known == kind);
        if before.is_none() {
            tracing::warn!(%site, failure = kind, %why, "OpenADR: the VTN is not heard");
        } else {
            tracing::debug!(%site, failure = kind, %why, "OpenADR: the VTN is still not heard");
        }
        let times = self.failing.map_or(0, |(_, times)| times).saturating_add(1);
        self.failing = Some((kind, times));
        let longest = LONGEST.min(self.config.timeout / 3).max(poll);
        let pause = poll.saturating_mul(1 << times.min(16)).min(longest);
        between(pause / 2, pause)
    }
}

/// A span between two, by chance.
fn between(least: Duration, most: Duration) -> Duration {
    // Without randomness the most is as good.
    let [byte] = secrets::random::<1>().unwrap_or([u8::MAX]);
    least + (most.saturating_sub(least) * u32::from(byte)) / u32::from(u8::MAX)
}

#[cfg(test)]
mod tests {
    use busbar_charging::load::rows::CircuitLimit;
    use busbar_charging::units::Power;

    use super::*;

    #[test]
    fn what_is_over_is_no_news_and_the_first_look_is() {
        let window = |from, until, watts| Window {
            from: Timestamp(from),
            until: Timestamp(until),
            limit: CircuitLimit { lines: None, power: Some(Power(watts)) },
        };
        let (first, second) = (window(0, 10, 5), window(10, 20, 6));
        let mut told = Told::default();
        assert!(!told.is_same(&[], Timestamp(5)), "an earlier process may have told some");
        told.limits = Some(vec![first, second]);
        for (limits, now, expected) in [
            (&[first, second][..], 5, true),
            (&[second], 5, false),
            (&[second], 10, true),
            (&[window(10, 20, 7)], 10, false),
            (&[], 20, true),
        ] {
            assert_eq!(told.is_same(limits, Timestamp(now)), expected, "{limits:?} at {now}");
        }
    }

    #[test]
    fn a_pause_is_between_its_bounds() {
        let (least, most) = (Duration::from_secs(5), Duration::from_secs(10));
        for _ in 0..100 {
            let pause = between(least, most);
            assert!(least <= pause && pause <= most, "{pause:?}");
        }
    }
}
