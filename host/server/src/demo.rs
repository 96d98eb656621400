//! `busbar demo`: a host and twenty simulated stations in a folder of their own, as somebody sees
//! them who tries it for the first time. Owns that show; must never reach into the host in any
//! way that an operator could not.

mod folder;
mod network;
mod screen;
mod setup;
mod watch;

use std::io::IsTerminal;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use busbar_sim::load::api::Client;
use busbar_sim::socket::{self, AppStart, Login, Target, View};
use clap::Args;
use tokio::sync::{mpsc, watch as channel};
use tokio::task::JoinSet;

use crate::config::Config;
use crate::serve::{Host, Signals};
use folder::Folder;
use network::Cast;
use screen::Screen;
use watch::Watcher;

/// How often the table is drawn.
const FRAME: Duration = Duration::from_secs(1);
/// The configuration of the demo, beside ports and folder.
const SETTLE: &str = "5s";

/// What the demo takes.
#[derive(Clone, Debug, Args)]
pub struct Demo {
    /// Port of the API and the pages [default: 8080]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Port for the stations [default: 9000, or the one after --port]
    #[arg(long, value_name = "PORT")]
    ocpp_port: Option<u16>,
    /// End by itself after so many seconds
    #[arg(long, value_name = "SECONDS")]
    duration: Option<u64>,
    /// Seed of everything that happens by chance
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Leave the folder where it is at the end
    #[arg(long)]
    keep: bool,
}

/// Where everything of a running demo is.
struct Place {
    api: String,
    ocpp: String,
    config: PathBuf,
    token_file: PathBuf,
    folder: PathBuf,
}

/// Runs the demo until Ctrl-C, SIGTERM, or its duration.
///
/// # Errors
/// Why it cannot run: in one sentence.
pub fn run(demo: &Demo) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(play(demo))
}

async fn play(demo: &Demo) -> Result<(), String> {
    let (port, ocpp_port) = ports(demo)?;
    let folder = Folder::new(demo.keep)?;
    let config = configuration(folder.path(), port, ocpp_port)?;
    folder.log()?;
    let (end, ended) = channel::channel(false);
    let signals = Signals::listen()?;
    tokio::spawn(async move {
        signals.come().await;
        end.send_replace(true);
        end.closed().await;
    });
    say(&format!("Starting a host in {}", folder.path().display()))?;
    let host = Host::start(&config).await?;
    let (token, token_file) = host.admin_token();
    let place = Place {
        api: host.addresses().http.to_string(),
        ocpp: format!("ws://{}/ocpp", host.addresses().ocpp),
        config: folder.path().join(folder::CONFIG),
        token_file: token_file.to_owned(),
        folder: folder.path().to_owned(),
    };
    let token = token.to_owned();
    let played = show(demo, &place, &token, ended).await;
    host.stop().await;
    let kept = if demo.keep { "stays" } else { "is removed" };
    say(&format!("Stopped; {} {kept}", folder.path().display()))?;
    played
}

/// Sets the network up, lets the stations live, and draws what happens.
async fn show(
    demo: &Demo,
    place: &Place,
    token: &str,
    mut ended: channel::Receiver<bool>,
) -> Result<(), String> {
    let cast = network::cast(demo.seed, socket::now_ms());
    say("Registering tariffs, drivers and stations through the API")?;
    let mut client = Client::new(&place.api, Some(token));
    tokio::select! {
        installed = setup::install(&mut client, &cast) => installed?,
        _ = ended.changed() => return Ok(()),
    }
    say("Twenty stations connect and deliver what they kept while offline yesterday")?;
    let (apps, asks) = mpsc::unbounded_channel();
    let mut stations = JoinSet::new();
    let seats = enter(cast, place, &apps, &ended, &mut stations)?;
    let asking = answer_apps(asks, Client::new(&place.api, Some(token)));
    let mut screen = Screen::new(std::io::stdout().is_terminal());
    screen.open(&place.help())?;
    let mut watcher = Watcher::new(client);
    let drawn = tokio::select! {
        drawn = draw(demo, &mut watcher, &seats, &mut screen, place, ended) => drawn,
        () = asking => Ok(()),
    };
    screen.close(&seats, &watcher)?;
    drawn
}

/// A station as the screen shows it.
pub(crate) struct Seat {
    identity: String,
    version: &'static str,
    view: channel::Receiver<View>,
}

fn enter(
    cast: Cast,
    place: &Place,
    apps: &mpsc::UnboundedSender<AppStart>,
    stopped: &channel::Receiver<bool>,
    stations: &mut JoinSet<()>,
) -> Result<Vec<Seat>, String> {
    let target = Target::new(&place.ocpp, None)?;
    let mut seats = Vec::new();
    for actor in cast.actors {
        let spec = actor.scene.station().spec();
        let login = Login {
            identity: spec.identity.clone(),
            version: spec.version,
            password: Some(actor.password),
        };
        let (show, view) = channel::channel(View::default());
        let version = spec.version.subprotocol().trim_start_matches("ocpp");
        seats.push(Seat { identity: spec.identity.clone(), version, view });
        let run =
            socket::run(actor.scene, target.clone(), login, apps.clone(), show, stopped.clone());
        stations.spawn(async move {
            run.await;
        });
    }
    Ok(seats)
}

async fn draw(
    demo: &Demo,
    watcher: &mut Watcher,
    seats: &[Seat],
    screen: &mut Screen,
    place: &Place,
    mut ended: channel::Receiver<bool>,
) -> Result<(), String> {
    let end = demo.duration.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    loop {
        let news = watcher.look().await?;
        screen.draw(seats, watcher, &news, place.verify(watcher).as_deref())?;
        if end.is_some_and(|end| Instant::now() >= end) {
            return Ok(());
        }
        tokio::select! {
            () = tokio::time::sleep(FRAME) => {}
            _ = ended.changed() => return Ok(()),
        }
    }
}

/// Drivers' apps: each asks the host over the API to start.
async fn answer_apps(mut asks: mpsc::UnboundedReceiver<AppStart>, mut client: Client) {
    while let Some(ask) = asks.recv().await {
        // A station that just went offline is a problem of its driver, not of the demo.
        let _ = setup::remote_start(&mut client, &ask).await;
    }
    std::future::pending().await
}

fn ports(demo: &Demo) -> Result<(u16, u16), String> {
    let port = demo.port.unwrap_or(8080);
    let ocpp_port = match (demo.ocpp_port, demo.port) {
        (Some(port), _) => port,
        (None, None) => 9000,
        (None, Some(0)) => 0,
        (None, Some(port)) => port.checked_add(1).ok_or("--port 65535 leaves no port for OCPP")?,
    };
    for port in [port, ocpp_port] {
        if let Err(error) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            let other = if (18080..=18081).contains(&port) { 28080 } else { 18080 };
            return Err(format!(
                "port {port} cannot be used ({error}): start with --port and another number, for \
                 instance `busbar demo --port {other}`; the stations then use {}",
                other + 1
            ));
        }
    }
    Ok((port, ocpp_port))
}

fn configuration(folder: &Path, port: u16, ocpp_port: u16) -> Result<Config, String> {
    let text = format!(
        "# Made by `busbar demo`.\n\
         data = \"data\"\n\n\
         [[http]]\nbind = \"127.0.0.1:{port}\"\n\n\
         [ocpp]\nbind = \"127.0.0.1:{ocpp_port}\"\n\n\
         [billing]\n# 15 minutes by default: nobody waits that long in a demo.\n\
         settle = \"{SETTLE}\"\n\n\
         [site]\nname = \"Busbar demo\"\n\n\
         [store]\n# A demo may run on a nearly full disk.\nlow_space = \"32MiB\"\n"
    );
    let path = folder.join(folder::CONFIG);
    std::fs::write(&path, &text).map_err(|error| format!("{}: {error}", path.display()))?;
    let none = std::iter::empty::<(String, String)>();
    Config::parse(Some(&path), &text, none).map_err(|problems| {
        let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
        problems.join("; ")
    })
}

impl Place {
    fn help(&self) -> Vec<String> {
        let api = &self.api;
        vec![
            format!("Folder    {} (removed at the end)", self.folder.display()),
            format!("Open      http://{api}/  and  http://{api}/api/docs"),
            format!("Stations  {}/CP01 …, with passwords", self.ocpp),
            format!(
                "Try       curl -H \"Authorization: Bearer $(cat {})\" \
                 http://{api}/api/v1/sessions",
                self.token_file.display()
            ),
            format!("Bills     are sealed {SETTLE} after a session (billing.settle; default 15m)"),
        ]
    }

    /// How to prove the last bill.
    fn verify(&self, watcher: &Watcher) -> Option<String> {
        let id = &watcher.last()?.id;
        let program = std::env::current_exe().ok();
        let program =
            program.map_or_else(|| "busbar".to_owned(), |path| path.display().to_string());
        Some(format!("{program} cdr verify {id} --config {}", self.config.display()))
    }
}

fn say(text: &str) -> Result<(), String> {
    screen::line(text)
}

#[cfg(test)]
mod tests;
