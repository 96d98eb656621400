//! Owns one connection's task: socket on one side, `Link` on the other, the engine behind it.
//! Must never let a slow or flooding station touch another one.

use std::sync::Arc;
use std::time::Duration;

use busbar_charging::action::Action;
use busbar_charging::fact::station::Registration;
use busbar_charging::row;
use busbar_charging::subject::Subject;
use busbar_charging::units::{Millis, Timestamp};
use busbar_engine::Event;
use busbar_link::{Link, LinkConfig, LinkOutput, Note};
use busbar_ocpp::Leniency;
use busbar_ocpp::rpc::Limits;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message as WsMessage};

use super::handshake::{Opened, name};
use super::{Shared, drain_delay, ended};
use crate::clock;
use crate::node::{Life, Mailbox, Message, Opening};
use crate::telemetry::OcppFrame;

/// A station that does not take what we send for so long is gone.
const SLOW_READER: Duration = Duration::from_secs(30);
/// A closing handshake may take so long.
const CLOSING: Duration = Duration::from_secs(2);
/// Seconds over which a station's messages are counted.
const RATE_OVER: u32 = 10;

/// Runs a connection to its end.
pub(super) async fn run<S>(
    shared: &Arc<Shared>,
    mut opened: Opened<S>,
    ending: &mut watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Some(dialect) = opened.dialect else {
        // OCPP-J 1.6 section 3.2, 2.x part 4 section 3.3: finish, then close.
        close(&mut opened.socket, 1002, "no common subprotocol").await;
        return;
    };
    let Some(life) = (shared.lives)() else {
        close(&mut opened.socket, 1012, "the host is starting").await;
        return;
    };
    let generation = shared.next_generation();
    let (sender, mailbox) = mpsc::unbounded_channel();
    life.send(Message::Open(Opening { generation, mailbox: sender }));
    let config = link_config(shared, &opened, dialect, &life, generation);
    // Only its beginning needs the row.
    opened.row = None;
    let station = opened.station.clone();
    tracing::info!(%station, generation, version = name(dialect), peer = %opened.peer,
        "station connected");
    let mut connection = Connection {
        shared,
        subject: Subject::Station(opened.station.clone()),
        opened,
        life,
        generation,
        version: name(dialect),
        link: Link::new(config, clock::now()),
        heard: Instant::now(),
        pinged: false,
        tokens: f64::from(shared.config.message_rate * RATE_OVER),
        refilled: Instant::now(),
    };
    let why = connection.go_on(mailbox, ending).await;
    tracing::info!(%station, generation, %why, "station disconnected");
    connection.link.closed(&why, clock::now());
    connection.last_words();
    connection.life.send(Message::Closed(generation));
}

fn link_config<S>(
    shared: &Shared,
    opened: &Opened<S>,
    dialect: busbar_charging::fact::station::Dialect,
    life: &Life,
    generation: u64,
) -> LinkConfig {
    let row = opened.row.as_ref();
    let strict = row.and_then(|row| row.registered.as_ref()).is_some_and(|r| r.strict);
    let mut config = LinkConfig::new(opened.station.clone(), dialect, life.incarnation, generation);
    config.leniency =
        if strict || shared.config.strict { Leniency::Strict } else { Leniency::Tolerant };
    config.remote = opened.peer.to_string().into();
    config.security_profile = opened.security_profile;
    config.limits = Limits { bytes: shared.config.max_frame, depth: shared.config.max_depth };
    config.call_timeout = millis(shared.config.call_timeout);
    config.heartbeat_interval_s =
        u32::try_from(shared.config.heartbeat.as_secs()).unwrap_or(u32::MAX);
    config.registration = row.and_then(standing);
    config
}

/// How a station stands, as the core sees it: what its last boot was answered, but for an operator
/// who has let it in since.
fn standing(row: &row::Station) -> Option<Registration> {
    let answered = row.booted.as_ref()?.registration;
    let now = row.registered.as_ref().map(|registered| registered.registration);
    Some(if now == Some(Registration::Accepted) { Registration::Accepted } else { answered })
}

struct Connection<'a, S> {
    shared: &'a Arc<Shared>,
    subject: Subject,
    opened: Opened<S>,
    life: Life,
    generation: u64,
    version: &'static str,
    link: Link,
    heard: Instant,
    pinged: bool,
    /// Messages that the station may still send now.
    tokens: f64,
    refilled: Instant,
}

/// What woke a connection.
enum Woken {
    Frame(Option<Result<WsMessage, Error>>),
    Action(Option<Box<Action>>),
    Timer,
    Ending,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<'_, S> {
    /// Carries frames and actions until the connection ends; says why it did.
    async fn go_on(&mut self, mut mailbox: Mailbox, ending: &mut watch::Receiver<bool>) -> String {
        loop {
            if let Err(why) = self.pump().await {
                return why;
            }
            let wake_at = self.wake_at();
            let may_read = self.may_read();
            let woken = tokio::select! {
                frame = self.opened.socket.next(), if may_read => Woken::Frame(frame),
                action = mailbox.recv() => Woken::Action(action),
                () = sleep_until(wake_at) => Woken::Timer,
                () = ended(ending) => Woken::Ending,
            };
            match woken {
                Woken::Frame(Some(Ok(frame))) => {
                    if let Some(why) = self.receive(frame) {
                        return why;
                    }
                }
                Woken::Frame(Some(Err(error))) => return self.broken(&error).await,
                Woken::Frame(None) => return "the station closed the connection".into(),
                Woken::Action(Some(action)) => {
                    self.link.act(&action, clock::now());
                }
                Woken::Action(None) => {
                    close(&mut self.opened.socket, 1012, "the host starts again").await;
                    return "the engine ended".into();
                }
                Woken::Timer => {
                    if let Err(why) = self.tick().await {
                        return why;
                    }
                }
                Woken::Ending => {
                    tokio::time::sleep(drain_delay(self.generation)).await;
                    close(&mut self.opened.socket, 1012, "the host stops").await;
                    return "the host stops".into();
                }
            }
        }
    }

    /// Hands out what the link has to say.
    async fn pump(&mut self) -> Result<(), String> {
        while let Some(output) = self.link.poll() {
            match output {
                LinkOutput::Send(text) => {
                    self.capture(false, &text);
                    self.shared.metrics.ocpp_frame(self.version, OcppFrame::Outbound);
                    let sending = self.opened.socket.send(WsMessage::text(text));
                    match timeout(SLOW_READER, sending).await {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => return Err(format!("sending failed: {error}")),
                        Err(_) => return Err("the station does not read".into()),
                    }
                }
                LinkOutput::Input(input) => self.input(input)?,
                LinkOutput::Note(note) => self.note(&note),
                LinkOutput::Close { code, reason } => {
                    close(&mut self.opened.socket, code, &reason).await;
                    return Err(reason);
                }
            }
        }
        Ok(())
    }

    fn input(&self, input: busbar_charging::input::Input) -> Result<(), String> {
        let event = Event::Input(self.subject.clone(), input);
        if self.life.send(Message::Event(event)) {
            return Ok(());
        }
        Err("the engine ended".into())
    }

    /// What is left to say when the socket is gone.
    fn last_words(&mut self) {
        while let Some(output) = self.link.poll() {
            if let LinkOutput::Input(input) = output
                && self.input(input).is_err()
            {
                return;
            }
        }
    }

    fn receive(&mut self, frame: WsMessage) -> Option<String> {
        self.heard = Instant::now();
        self.pinged = false;
        match frame {
            WsMessage::Text(text) => {
                self.tokens -= 1.0;
                self.capture(true, text.as_str());
                self.shared.metrics.ocpp_frame(self.version, OcppFrame::Inbound);
                self.link.receive(text.as_str(), clock::now());
            }
            WsMessage::Binary(_) => {
                self.tokens -= 1.0;
                self.link.receive_binary(clock::now());
            }
            WsMessage::Close(_) => return Some("the station closed the connection".into()),
            WsMessage::Ping(_) | WsMessage::Pong(_) | WsMessage::Frame(_) => {}
        }
        None
    }

    fn capture(&self, inbound: bool, text: &str) {
        let station = &self.opened.station;
        self.shared.capture.frame(station, self.generation, inbound, clock::now(), text);
    }

    fn note(&self, note: &Note) {
        let station = &self.opened.station;
        match note {
            Note::Heartbeat => {}
            Note::Borne { action, violations, .. } => {
                self.shared.metrics.violation(self.version);
                tracing::debug!(%station, %action, ?violations, "deviation borne");
            }
            Note::Refused { action, code, description, .. } => {
                self.shared.metrics.violation(self.version);
                tracing::warn!(%station, %action, ?code, %description, "message refused");
            }
            other => tracing::debug!(%station, note = ?other, "odd"),
        }
    }

    async fn tick(&mut self) -> Result<(), String> {
        let now = clock::now();
        if self.link.deadline().is_some_and(|due| due <= now) {
            self.link.tick(now);
        }
        let silence = self.heard.elapsed();
        if silence >= self.shared.config.ping * 2 {
            return Err("the station is silent".into());
        }
        if silence >= self.shared.config.ping && !self.pinged {
            self.pinged = true;
            let pinging = self.opened.socket.send(WsMessage::Ping(Bytes::new()));
            if !matches!(timeout(SLOW_READER, pinging).await, Ok(Ok(()))) {
                return Err("the station does not read".into());
            }
        }
        Ok(())
    }

    fn wake_at(&self) -> Instant {
        let silence = if self.pinged { 2 } else { 1 };
        let mut at = self.heard + self.shared.config.ping * silence;
        if let Some(due) = self.link.deadline() {
            at = at.min(Instant::now() + until(due));
        }
        if self.tokens < 1.0 {
            at = at.min(Instant::now() + Duration::from_millis(100));
        }
        at
    }

    /// Whether the station may send now: one that floods is read no faster than configured, and
    /// its own socket fills up. Nothing is lost, and no other station waits for it.
    fn may_read(&mut self) -> bool {
        let rate = f64::from(self.shared.config.message_rate);
        let passed = self.refilled.elapsed().as_secs_f64();
        self.refilled = Instant::now();
        self.tokens = (self.tokens + passed * rate).min(rate * f64::from(RATE_OVER));
        self.tokens >= 1.0
    }

    async fn broken(&mut self, error: &Error) -> String {
        if let Error::Capacity(_) = error {
            close(&mut self.opened.socket, 1009, "the frame is too large").await;
        }
        format!("the connection broke: {error}")
    }
}

async fn close<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<S>,
    code: u16,
    reason: &str,
) {
    let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
    // A peer that is gone cannot be told.
    let _gone = timeout(CLOSING, socket.close(Some(frame))).await;
}

fn until(due: Timestamp) -> Duration {
    let millis = due.since(clock::now()).0.max(0);
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

fn millis(duration: Duration) -> Millis {
    Millis(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}
