//! Owns the sockets: connects a station and runs a scene on a real clock. The only module, with
//! `load` and `site`, that does I/O. Must never look into the frames that it carries.

mod stream;
mod target;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::{SinkExt, StreamExt};
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::Message;

use crate::scene::{Scene, Wish};
use crate::station::{Input, Output, PlugView};
use crate::words::Token;

pub use stream::{Socket, Stream};
pub use target::{Login, Target};

/// Longest sleep, so that a clock that jumps does no harm.
const NAP: Duration = Duration::from_secs(60);

/// What one sees of a station that runs on a socket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Whether it is connected and registered.
    pub online: bool,
    /// Messages about transactions that wait.
    pub queued: usize,
    /// How often the server set or updated a limit.
    pub limits_told: u32,
    /// Its outlets.
    pub plugs: Vec<PlugView>,
}

/// Somebody's app asks to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppStart {
    /// At which station.
    pub identity: String,
    /// At which outlet.
    pub evse: u16,
    /// As whom.
    pub token: Token,
}

/// Milliseconds since 1970 by the clock of this machine.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Runs a scene until `stop` says so, or its sender is gone; gives it back as it then stands.
pub async fn run(
    mut scene: Scene,
    target: Target,
    login: Login,
    apps: mpsc::UnboundedSender<AppStart>,
    view: watch::Sender<View>,
    mut stop: watch::Receiver<bool>,
) -> Scene {
    let mut socket: Option<Socket> = None;
    scene.handle(now_ms(), Input::Tick);
    loop {
        while let Some(wish) = scene.poll() {
            fulfil(&mut scene, wish, &mut socket, &target, &login, &apps).await;
        }
        view.send_replace(look(&scene));
        let wait = scene.deadline().map_or(NAP, |at_ms| millis(at_ms - now_ms())).min(NAP);
        tokio::select! {
            message = receive(&mut socket) => match message {
                Some(text) => scene.handle(now_ms(), Input::Text(&text)),
                None => {
                    socket = None;
                    scene.handle(now_ms(), Input::Disconnected);
                }
            },
            () = tokio::time::sleep(wait) => scene.handle(now_ms(), Input::Tick),
            changed = stop.changed() => {
                if changed.is_err() || *stop.borrow() {
                    if let Some(mut socket) = socket {
                        let _ = socket.close(None).await;
                    }
                    return scene;
                }
            }
        }
    }
}

async fn fulfil(
    scene: &mut Scene,
    wish: Wish,
    socket: &mut Option<Socket>,
    target: &Target,
    login: &Login,
    apps: &mpsc::UnboundedSender<AppStart>,
) {
    match wish {
        Wish::Station(Output::Connect) => {
            *socket = target.dial(login).await.ok();
            let input = if socket.is_some() { Input::Connected } else { Input::Disconnected };
            scene.handle(now_ms(), input);
        }
        Wish::Station(Output::Close) => {
            if let Some(mut socket) = socket.take() {
                let _ = socket.close(None).await;
            }
        }
        Wish::Station(Output::Send(text)) => {
            let sent = match socket {
                Some(socket) => socket.send(Message::text(text)).await.is_ok(),
                None => return,
            };
            if !sent {
                *socket = None;
                scene.handle(now_ms(), Input::Disconnected);
            }
        }
        Wish::AskApp { evse, token } => {
            let identity = scene.station().spec().identity.clone();
            let _ = apps.send(AppStart { identity, evse, token });
        }
    }
}

/// The next text; none when the connection is over. Never ends without a connection.
async fn receive(socket: &mut Option<Socket>) -> Option<String> {
    let Some(socket) = socket else {
        return std::future::pending().await;
    };
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => return Some(text.as_str().to_owned()),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
            Some(Ok(_)) => {}
        }
    }
}

fn look(scene: &Scene) -> View {
    let station = scene.station();
    View {
        online: station.is_online(),
        queued: station.queued(),
        limits_told: station.limits_told(),
        plugs: station.plugs(),
    }
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

#[cfg(test)]
mod tests;
