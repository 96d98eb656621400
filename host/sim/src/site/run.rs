//! Owns the course of a run: sets the site up, lets all stations loose, measures the base load for
//! the host, announces cuts, kills the host, and looks at every station four times a second. Must
//! never tell the host what the cars draw.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::grid::{Grid, ms};
use super::plan::{GRID, METER, Plan, SOURCE, amps};
use super::report::{Outage, Report};
use super::sample::{Drawn, Sample};
use super::scenario::Event;
use super::{Options, setup};
use crate::load::api::Client;
use crate::scene::Scene;
use crate::socket::{self, AppStart, Login, Target, View, now_ms};

/// Between two looks at the stations.
const LOOK: Duration = Duration::from_millis(250);
/// Between two readings of the base load.
const METER_PERIOD: Duration = Duration::from_secs(1);
/// Stations are switched on so long before the run begins: to connect, boot and be told what they
/// fall back to.
const READY_MS: i64 = 8_000;

/// What a run does to the process of its host.
pub trait Host {
    /// Kills it with -9.
    ///
    /// # Errors
    /// It cannot be killed.
    fn kill(&mut self) -> impl Future<Output = Result<(), String>>;

    /// Starts it again where it was, and waits until it is ready.
    ///
    /// # Errors
    /// It does not start.
    fn start(&mut self) -> impl Future<Output = Result<(), String>>;
}

/// A host that somebody else runs.
#[derive(Clone, Copy, Debug)]
pub struct NotOurs;

impl Host for NotOurs {
    async fn kill(&mut self) -> Result<(), String> {
        Err("the host is not ours to kill".to_owned())
    }

    async fn start(&mut self) -> Result<(), String> {
        Ok(())
    }
}

/// What came of a run: what it was, all that was seen, and what that says.
#[derive(Clone, Debug)]
pub struct Run {
    /// Who hung where.
    pub plan: Plan,
    /// What there was.
    pub grid: Grid,
    /// All looks at the stations.
    pub samples: Vec<Sample>,
    /// What it comes to.
    pub report: Report,
}

/// Runs a site against a host.
///
/// # Errors
/// Why it could not be run, for people.
pub async fn run(
    options: &Options,
    host: &mut impl Host,
    progress: &mut dyn FnMut(&str),
) -> Result<Run, String> {
    let scenario = &options.scenario;
    let plan = Plan::new(scenario, options.seed, &options.prefix);
    let grid = Grid::new(scenario);
    progress(&format!("setting up a site of {} stations", plan.places.len()));
    setup::install(&options.api, &plan, scenario).await?;
    let begin_ms = now_ms() + READY_MS;
    let clock = Clock { begin_ms, end_ms: ms(scenario.seconds) };
    let mut stations = Stations::start(options, &plan, begin_ms)?;
    progress(&format!("running {} for {} s", scenario.name, scenario.seconds));
    let world = World { options, plan: &plan, grid: &grid, clock };
    let looks = stations.look(clock);
    let ((), (), outages, samples) =
        tokio::try_join!(world.meter(), world.announce(), world.kill(host, progress), async {
            Ok(looks.await)
        },)?;
    stations.stop().await;
    let report = Report::new(options, &plan, &grid, &samples, outages);
    Ok(Run { plan, grid, samples, report })
}

/// The time of a run.
#[derive(Clone, Copy, Debug)]
struct Clock {
    begin_ms: i64,
    end_ms: i64,
}

impl Clock {
    fn now_ms(self) -> i64 {
        now_ms() - self.begin_ms
    }

    async fn until(self, at_ms: i64) {
        let wait_ms = u64::try_from(at_ms - self.now_ms()).unwrap_or(0);
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
    }
}

/// The stations on their sockets.
struct Stations {
    tasks: JoinSet<Scene>,
    views: Vec<watch::Receiver<View>>,
    stop: watch::Sender<bool>,
    /// Nobody starts by an app here.
    _apps: mpsc::UnboundedReceiver<AppStart>,
}

impl Stations {
    fn start(options: &Options, plan: &Plan, begin_ms: i64) -> Result<Self, String> {
        let target = Target::new(&options.url, options.root.as_deref())?;
        let (apps, asked) = mpsc::unbounded_channel();
        let (stop, stopped) = watch::channel(false);
        let (mut tasks, mut views) = (JoinSet::new(), Vec::new());
        for place in &plan.places {
            let (view, seen) = watch::channel(View::default());
            let login = Login {
                identity: place.identity.clone(),
                version: place.spec().version,
                password: Some(place.password.clone()),
            };
            let scene = place.scene(now_ms(), begin_ms);
            let (target, apps, stopped) = (target.clone(), apps.clone(), stopped.clone());
            tasks.spawn(socket::run(scene, target, login, apps, view, stopped));
            views.push(seen);
        }
        Ok(Self { tasks, views, stop, _apps: asked })
    }

    /// Looks at all of them, until the end.
    async fn look(&self, clock: Clock) -> Vec<Sample> {
        let mut samples = Vec::new();
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let at_ms = clock.now_ms();
            let evses = self.views.iter().map(|view| Drawn::of(&view.borrow())).collect();
            samples.push(Sample { at_ms, evses });
            if at_ms >= clock.end_ms {
                return samples;
            }
        }
    }

    async fn stop(&mut self) {
        let _ = self.stop.send(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

/// What goes on around the stations.
struct World<'a> {
    options: &'a Options,
    plan: &'a Plan,
    grid: &'a Grid,
    clock: Clock,
}

impl World<'_> {
    fn client(&self) -> Client {
        let (address, token) = &self.options.api;
        Client::new(address, Some(token))
    }

    /// Tells the host the base load, every second. A host that is gone is told again when it is
    /// back.
    async fn meter(&self) -> Result<(), String> {
        let path = format!("/api/v1/sites/{}/load/meters/{METER}", self.plan.site);
        let mut client = self.client();
        let mut ticks = tokio::time::interval(METER_PERIOD);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while self.clock.now_ms() < self.clock.end_ms {
            ticks.tick().await;
            let base = self.grid.base_ma(self.clock.now_ms().max(0)).map(amps);
            if let Ok(answer) =
                client.request("PUT", &path, Some(&json!({ "current": base }))).await
                && answer.status != 503
            {
                answer.good("the reading of the base load")?;
            }
        }
        Ok(())
    }

    /// Tells the host of cuts: each when it is announced, with all that still hold.
    async fn announce(&self) -> Result<(), String> {
        let path = format!("/api/v1/sites/{}/load/limits/{SOURCE}", self.plan.site);
        let mut client = self.client();
        let mut cuts = self.grid.cuts().to_vec();
        cuts.sort_by_key(|cut| cut.told_ms);
        for (told, cut) in cuts.iter().enumerate() {
            if cut.told_ms >= self.clock.end_ms {
                break;
            }
            self.clock.until(cut.told_ms).await;
            let now_ms = self.clock.now_ms();
            let known = cuts[..=told].iter().filter(|cut| cut.until_ms > now_ms);
            let time = |at_ms: i64| {
                busbar_ocpp::values::Time::from_epoch_ms(self.clock.begin_ms + at_ms).to_string()
            };
            let limits = known.map(|cut| {
                let mut limit = json!({ "until": time(cut.until_ms), "current": amps(cut.to_ma) });
                if cut.from_ms > now_ms {
                    limit["from"] = Value::from(time(cut.from_ms));
                }
                limit
            });
            let body = json!({ "circuit": GRID, "limits": limits.collect::<Vec<_>>() });
            // To a host that is away it is told as soon as it is back.
            loop {
                match client.request("PUT", &path, Some(&body)).await {
                    Ok(answer) if answer.status != 503 => {
                        answer.good("the cut")?;
                        break;
                    }
                    _ if self.clock.now_ms() >= self.clock.end_ms => break,
                    _ => tokio::time::sleep(LOOK).await,
                }
            }
        }
        Ok(())
    }

    /// Kills the host, and starts it again.
    async fn kill(
        &self,
        host: &mut impl Host,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Vec<Outage>, String> {
        let mut kills: Vec<(i64, i64)> = Vec::new();
        for event in &self.options.scenario.events {
            if let Event::KillHost { at_s, for_s } = event {
                kills.push((ms(*at_s), ms(*for_s)));
            }
        }
        kills.sort_unstable();
        let mut outages = Vec::new();
        for (at_ms, for_ms) in kills {
            if at_ms >= self.clock.end_ms {
                break;
            }
            self.clock.until(at_ms).await;
            progress("killing the host");
            let at_ms = self.clock.now_ms();
            host.kill().await?;
            self.clock.until(at_ms + for_ms).await;
            host.start().await?;
            outages.push(Outage { at_ms, ready_ms: self.clock.now_ms() });
            progress("the host is back");
        }
        Ok(outages)
    }
}
