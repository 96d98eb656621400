//! Owns one connection's task: socket on one side, `Link` on the other, the engine behind it.
//! Must never let a slow or flooding station touch another one.

mod pace;

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use busbar_charging::action::Action;
use busbar_charging::fact::station::Dialect;
use busbar_charging::input::Input;
use busbar_charging::subject::Subject;
use busbar_charging::units::{Millis, Timestamp};
use busbar_engine::Event;
use busbar_link::{Link, LinkConfig, LinkOutput, Note};
use busbar_ocpp::Leniency;
use busbar_ocpp::rpc::Limits;
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message as WsMessage};

use super::flood::{Doing, Flood};
use super::handshake::{Opened, name};
use super::holders::Hold;
use super::{Shared, drain_delay, ended};
use crate::alerts::AlertKind;
use crate::clock;
use crate::node::{Life, Mailbox, Message, Opening};
use crate::telemetry::OcppFrames;
use pace::Pace;

/// A closing handshake may take so long.
const CLOSING: Duration = Duration::from_secs(2);
/// Seconds over which a station's messages are counted.
const RATE_OVER: u32 = 10;

/// A connection of a station. Most are idle: what one costs then is the size of this and of the
/// future of `run`, so whatever is seldom needed is boxed.
pub(super) struct Connection<S> {
    shared: Arc<Shared>,
    socket: WebSocketStream<S>,
    mailbox: Mailbox,
    subject: Subject,
    life: Life,
    generation: u64,
    version: &'static str,
    frames: OcppFrames,
    link: Link,
    heard: Instant,
    pinged: bool,
    pace: Pace,
    flood: Flood,
    _hold: Hold,
}

/// Begins what has come in; none when it had to be closed at once.
pub(super) async fn begin<S>(
    shared: Arc<Shared>,
    mut opened: Opened<S>,
) -> Option<Box<Connection<S>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Some(dialect) = opened.dialect else {
        // OCPP-J 1.6 section 3.2, 2.x part 4 section 3.3: finish, then close.
        close(&mut opened.socket, 1002, "no common subprotocol").await;
        return None;
    };
    let Some(life) = (shared.lives)() else {
        close(&mut opened.socket, 1012, "the host is starting").await;
        return None;
    };
    let generation = shared.next_generation();
    let (sender, mailbox) = mpsc::unbounded_channel();
    life.send(Message::Open(Opening { generation, mailbox: sender }));
    let config = link_config(&shared, &opened, dialect, &life, generation);
    let version = name(dialect);
    tracing::info!(station = %opened.station, generation, version, peer = %opened.peer,
        "station connected");
    let now = Instant::now();
    Some(Box::new(Connection {
        socket: opened.socket,
        mailbox,
        subject: Subject::Station(opened.station),
        life,
        generation,
        version,
        frames: shared.metrics.ocpp_frames(version),
        link: Link::new(config, clock::now()),
        heard: now,
        pinged: false,
        pace: Pace::new(shared.config.message_rate, Duration::from_secs(RATE_OVER.into()), now),
        flood: Flood::default(),
        _hold: opened.hold,
        shared,
    }))
}

fn link_config<S>(
    shared: &Shared,
    opened: &Opened<S>,
    dialect: Dialect,
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
    config.registration = row.and_then(|row| row.standing);
    config
}

/// What woke a connection.
enum Woken {
    Frame(Option<Result<WsMessage, Error>>),
    Action(Option<Box<Action>>),
    Timer,
    Ending,
}

/// What goes out on the socket.
enum Outgoing {
    Frame(String),
    Close(u16, String),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Carries frames and actions until the connection has ended.
    pub(super) async fn run(mut self: Box<Self>) {
        let why = self.go_on().await;
        let (station, generation) = (self.link.station(), self.generation);
        tracing::info!(%station, generation, %why, "station disconnected");
        self.link.closed(&why, clock::now());
        self.last_words();
        self.life.send(Message::Closed(self.generation));
    }

    /// Carries frames and actions until the connection ends; says why it did.
    async fn go_on(&mut self) -> String {
        let mut ending = pin!(ended(self.shared.ending()));
        let mut timer = pin!(sleep_until(self.wake_at(true)));
        loop {
            if let Err(why) = self.pump().await {
                return why;
            }
            let may_read = self.may_read();
            // It may ring too early, which costs less than to set it anew with every frame.
            let wake_at = self.wake_at(may_read);
            if wake_at < timer.deadline() {
                timer.as_mut().reset(wake_at);
            }
            let woken = tokio::select! {
                biased;
                action = self.mailbox.recv() => Woken::Action(action),
                () = &mut ending => Woken::Ending,
                () = &mut timer => Woken::Timer,
                frame = self.socket.next(), if may_read => Woken::Frame(frame),
            };
            match woken {
                Woken::Frame(Some(Ok(frame))) => {
                    if let Some(why) = self.receive(frame) {
                        return why;
                    }
                    if !self.may_read()
                        && let Some(why) = Box::pin(self.look_ahead()).await
                    {
                        return why;
                    }
                }
                Woken::Frame(Some(Err(error))) => return Box::pin(self.broken(error)).await,
                Woken::Frame(None) => return "the station closed the connection".into(),
                Woken::Action(Some(action)) => {
                    self.link.act(&action, clock::now());
                }
                Woken::Action(None) => {
                    Box::pin(close(&mut self.socket, 1012, "the host starts again")).await;
                    return "the engine ended".into();
                }
                Woken::Timer => {
                    if let Err(why) = self.tick().await {
                        return why;
                    }
                    timer.as_mut().reset(self.wake_at(self.may_read()));
                }
                Woken::Ending => return Box::pin(self.drain()).await,
            }
        }
    }

    /// Hands out what the link has to say.
    async fn pump(&mut self) -> Result<(), String> {
        while let Some(outgoing) = self.hand_out()? {
            match outgoing {
                Outgoing::Frame(text) => {
                    self.capture(false, &text, clock::now());
                    self.frames.outbound.inc();
                    self.send(WsMessage::text(text)).await?;
                }
                Outgoing::Close(code, reason) => {
                    Box::pin(close(&mut self.socket, code, &reason)).await;
                    return Err(reason);
                }
            }
        }
        Ok(())
    }

    /// Hands inputs to the engine and notes to the log, up to the next that is for the socket.
    fn hand_out(&mut self) -> Result<Option<Outgoing>, String> {
        while let Some(output) = self.link.poll() {
            match output {
                LinkOutput::Send(text) => return Ok(Some(Outgoing::Frame(text))),
                LinkOutput::Close { code, reason } => {
                    return Ok(Some(Outgoing::Close(code, reason)));
                }
                LinkOutput::Input(input) => self.input(input)?,
                LinkOutput::Note(note) => self.note(&note),
            }
        }
        Ok(None)
    }

    /// Sends a message. Nearly always the socket takes it at once, and no timer is needed.
    async fn send(&mut self, message: WsMessage) -> Result<(), String> {
        let mut sending = self.socket.send(message);
        let at_once = poll_fn(|context| Poll::Ready(Pin::new(&mut sending).poll(context))).await;
        let sent = match at_once {
            Poll::Ready(sent) => Ok(sent),
            Poll::Pending => Box::pin(timeout(self.shared.config.write_timeout, sending)).await,
        };
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(format!("sending failed: {error}")),
            Err(_) => Err("the station does not read".into()),
        }
    }

    fn input(&self, input: Input) -> Result<(), String> {
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
                let now = clock::now();
                self.pace.take(self.heard);
                self.capture(true, text.as_str(), now);
                self.frames.inbound.inc();
                self.link.receive(text.as_str(), now);
            }
            WsMessage::Binary(_) => {
                self.pace.take(self.heard);
                self.link.receive_binary(clock::now());
            }
            WsMessage::Close(_) => return Some("the station closed the connection".into()),
            WsMessage::Ping(_) | WsMessage::Pong(_) | WsMessage::Frame(_) => {}
        }
        None
    }

    /// Looks whether the next frame is there before this one was answered.
    async fn look_ahead(&mut self) -> Option<String> {
        let borne = self.shared.config.flood_timeout;
        let frame = match self.socket.next().now_or_never() {
            None => {
                self.flood.used_up(false, borne, self.heard);
                return None;
            }
            Some(None) => return Some("the station closed the connection".into()),
            Some(Some(Err(error))) => return Some(self.broken(error).await),
            Some(Some(Ok(frame))) => frame,
        };
        let message = matches!(frame, WsMessage::Text(_) | WsMessage::Binary(_));
        if let Some(why) = self.receive(frame) {
            return Some(why);
        }
        let doing = self.flood.used_up(message, borne, self.heard);
        let detail = match doing {
            Doing::Waiting | Doing::FloodingOn => return None,
            Doing::Flooding => "read slowly: it sends more than it may",
            Doing::FloodingTooLong => "closed: it sent on and on",
        };
        let station = self.link.station().as_str();
        self.shared.alerts.raise(AlertKind::MessageFlood, station, detail);
        if doing == Doing::Flooding {
            return None;
        }
        close(&mut self.socket, 1008, "more messages than allowed, without a pause").await;
        Some("the station floods".into())
    }

    /// Whoever tries one token after the other is read slower with each.
    fn token_refused(&mut self) {
        let (station, now) = (self.link.station(), std::time::Instant::now());
        self.shared.unknown_tokens.failed(station.clone(), now);
        if let Some(wait) = self.shared.unknown_tokens.wait(station, now) {
            let detail = "presents one token after the other that is not known: it is read slowly";
            self.shared.alerts.raise(AlertKind::TokenGuessing, station.as_str(), detail);
            self.pace.pause(wait, now.into());
        }
    }

    fn capture(&self, inbound: bool, text: &str, now: Timestamp) {
        let station = self.link.station();
        self.shared.capture.frame(station, self.generation, inbound, now, text);
    }

    fn note(&mut self, note: &Note) {
        let station = self.link.station();
        match note {
            Note::Heartbeat => {}
            Note::TokenRefused => self.token_refused(),
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
            let pinging = self.send(WsMessage::Ping(Bytes::new())).await;
            return pinging.map_err(|_| "the station does not read".into());
        }
        Ok(())
    }

    fn wake_at(&self, may_read: bool) -> Instant {
        let silence = if self.pinged { 2 } else { 1 };
        let mut at = self.heard + self.shared.config.ping * silence;
        if let Some(due) = self.link.deadline() {
            at = at.min(Instant::now() + until(due));
        }
        if may_read { at } else { at.min(self.pace.opens_at()) }
    }

    /// Whether the station may send now: one that floods is read no faster than configured, and
    /// its own socket fills up. Nothing is lost, and no other station waits for it.
    fn may_read(&self) -> bool {
        self.pace.is_open(self.heard) || self.pace.is_open(Instant::now())
    }

    async fn broken(&mut self, error: Error) -> String {
        if let Error::Capacity(_) = error {
            close(&mut self.socket, 1009, "the frame is too large").await;
        }
        format!("the connection broke: {error}")
    }

    /// The host ends.
    async fn drain(&mut self) -> String {
        tokio::time::sleep(drain_delay(self.generation)).await;
        close(&mut self.socket, 1012, "the host stops").await;
        "the host stops".into()
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

#[cfg(test)]
mod tests;
