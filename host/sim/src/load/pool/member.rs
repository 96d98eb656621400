//! Owns one station of the load: connects, boots, and says what its order wants. Must never have
//! two calls open, unless its order is to flood.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_tungstenite::tungstenite::Message;

use super::{Order, Stats};
use crate::load::script::{Call, Kind, Script};
use crate::rng::Rng;
use crate::socket::{Login, Socket, Target, now_ms};

/// A station waits this long for an answer.
const PATIENCE: Duration = Duration::from_secs(30);
const BACKOFF: Duration = Duration::from_millis(500);
const BACKOFF_MAX: Duration = Duration::from_secs(8);

type Orders = watch::Receiver<Option<Rc<Order>>>;

pub(super) struct Member {
    login: Login,
    target: Target,
    script: Script,
    rng: Rng,
    /// Its number, and how many there are.
    place: (usize, usize),
    stats: Rc<RefCell<Stats>>,
    dialing: Rc<Semaphore>,
    socket: Option<Socket>,
}

/// The connection is gone.
struct Gone;

impl Member {
    pub(super) fn new(
        login: Login,
        target: Target,
        seed: u64,
        place: (usize, usize),
        stats: Rc<RefCell<Stats>>,
        dialing: Rc<Semaphore>,
    ) -> Self {
        let script = Script::new(login.version, &login.identity, seed);
        let rng = Rng::part(seed, &login.identity);
        Self { login, target, script, rng, place, stats, dialing, socket: None }
    }

    /// Lives until the process ends.
    pub(super) async fn live(
        mut self,
        wait: Duration,
        mut orders: Orders,
        connected: Rc<Semaphore>,
    ) {
        sleep(wait).await;
        self.connect().await;
        connected.add_permits(1);
        let mut done = 0;
        loop {
            let order = orders.borrow_and_update().clone();
            match order {
                Some(order) if order.number > done => {
                    done = order.number;
                    if self.obey(&order).await.is_err() {
                        self.broke();
                        self.connect().await;
                    }
                }
                _ => {
                    tokio::select! {
                        changed = orders.changed() => {
                            if changed.is_err() {
                                return;
                            }
                        }
                        lost = self.listen() => {
                            let Gone = lost;
                            self.broke();
                            self.connect().await;
                        }
                    }
                }
            }
        }
    }

    async fn obey(&mut self, order: &Order) -> Result<(), Gone> {
        let phase = &order.phase;
        let end = order.start + Duration::from_secs_f64(phase.seconds);
        let place = self.place.0;
        if phase.drop {
            return self.storm(order).await;
        }
        if place < phase.slow {
            return self.deaf(end).await;
        }
        if place < phase.slow + phase.flood {
            return self.flood(end).await;
        }
        if phase.mix.is_empty() {
            return self.until(end).await;
        }
        let each = phase.rate / (self.place.1 - phase.slow - phase.flood).max(1) as f64;
        let pause = (each > 0.0).then(|| Duration::from_secs_f64(1.0 / each));
        let mut due = order.start;
        if let Some(pause) = pause {
            due += pause.mul_f64(self.rng.below(1 << 20) as f64 / f64::from(1 << 20));
        }
        while due < end {
            tokio::select! {
                () = sleep_until(due) => {}
                lost = self.listen() => return Err(lost),
            }
            let call = self.script.next(&phase.mix, now_ms());
            // By a plan the wait counts from when the call was due, sent or not: a slow server
            // cannot make its own load lighter.
            let since = if pause.is_some() { due } else { Instant::now() };
            self.call(call, since).await?;
            due = pause.map_or_else(Instant::now, |pause| due + pause);
        }
        Ok(())
    }

    /// Connects until it stands, and boots.
    async fn connect(&mut self) {
        let mut pause = BACKOFF;
        loop {
            let since = Instant::now();
            let dialing = Rc::clone(&self.dialing);
            let permit = dialing.acquire().await;
            let dialed = self.target.dial(&self.login).await;
            drop(permit);
            match dialed {
                Ok(socket) => {
                    self.socket = Some(socket);
                    self.stats.borrow_mut().record(Kind::Connect, since);
                    self.stats.borrow_mut().connected += 1;
                    if self.introduce().await.is_ok() {
                        return;
                    }
                    self.broke();
                }
                Err(error) => {
                    let mut stats = self.stats.borrow_mut();
                    stats.broken += 1;
                    stats.note(&format!("{}: {error}", self.login.identity));
                }
            }
            let jitter = self.rng.below(1000) as f64 / 1000.0;
            sleep(pause.mul_f64(0.5 + jitter)).await;
            pause = (pause * 2).min(BACKOFF_MAX);
        }
    }

    async fn introduce(&mut self) -> Result<(), Gone> {
        let boot = self.script.boot();
        self.call(boot, Instant::now()).await?;
        for state in self.script.states(now_ms()) {
            self.call(state, Instant::now()).await?;
        }
        Ok(())
    }

    fn broke(&mut self) {
        if self.socket.take().is_some() {
            let mut stats = self.stats.borrow_mut();
            stats.broken += 1;
            stats.connected = stats.connected.saturating_sub(1);
        }
    }

    async fn storm(&mut self, order: &Order) -> Result<(), Gone> {
        if self.socket.take().is_some() {
            let mut stats = self.stats.borrow_mut();
            stats.connected = stats.connected.saturating_sub(1);
        }
        let share = self.rng.below(1 << 20) as f64 / f64::from(1 << 20);
        sleep(Duration::from_secs_f64(order.phase.spread_s * share)).await;
        self.connect().await;
        self.stats.borrow_mut().record(Kind::Back, order.start);
        Ok(())
    }

    /// Sends and never reads.
    async fn deaf(&mut self, end: Instant) -> Result<(), Gone> {
        while Instant::now() < end {
            let call = self.script.heartbeat(now_ms());
            let sent = tokio::time::timeout_at(end, self.send(&call)).await;
            match sent {
                Ok(Ok(())) => self.stats.borrow_mut().unpaced += 1,
                Ok(Err(gone)) => return Err(gone),
                Err(_) => return Ok(()),
            }
            sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// Sends as fast as the socket takes it, reading on the way.
    async fn flood(&mut self, end: Instant) -> Result<(), Gone> {
        while Instant::now() < end {
            let call = self.script.heartbeat(now_ms());
            tokio::select! {
                biased;
                lost = self.listen() => return Err(lost),
                () = std::future::ready(()) => {}
            }
            match tokio::time::timeout_at(end, self.send(&call)).await {
                Ok(Ok(())) => self.stats.borrow_mut().unpaced += 1,
                Ok(Err(gone)) => return Err(gone),
                Err(_) => return Ok(()),
            }
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    async fn until(&mut self, end: Instant) -> Result<(), Gone> {
        tokio::select! {
            () = sleep_until(end) => Ok(()),
            lost = self.listen() => Err(lost),
        }
    }

    async fn send(&mut self, call: &Call) -> Result<(), Gone> {
        let socket = self.socket.as_mut().ok_or(Gone)?;
        socket.send(Message::text(call.text.as_str())).await.map_err(|_| Gone)
    }

    /// Sends a call and waits for its answer.
    async fn call(&mut self, call: Call, since: Instant) -> Result<(), Gone> {
        self.send(&call).await?;
        let answer = tokio::time::timeout(PATIENCE, self.answer(call.id)).await;
        let Ok(answer) = answer else {
            self.stats.borrow_mut().timeouts += 1;
            return Ok(());
        };
        let text = answer?;
        if text.starts_with("[3") {
            self.stats.borrow_mut().record(call.kind, since);
            self.script.answered(call.kind, &text);
        } else {
            let mut stats = self.stats.borrow_mut();
            stats.errors += 1;
            stats.note(&text);
        }
        Ok(())
    }

    async fn answer(&mut self, id: u64) -> Result<String, Gone> {
        let id = id.to_string();
        loop {
            let text = self.receive().await?;
            if is_answer(&text, &id) {
                return Ok(text);
            }
            self.decline(&text).await?;
        }
    }

    /// Hears whatever comes, for ever.
    async fn listen(&mut self) -> Gone {
        loop {
            let heard = match self.receive().await {
                Ok(text) => self.decline(&text).await,
                Err(gone) => Err(gone),
            };
            if let Err(gone) = heard {
                return gone;
            }
        }
    }

    /// A call of the server gets the answer of a station that can nothing.
    async fn decline(&mut self, text: &str) -> Result<(), Gone> {
        if !text.starts_with("[2") {
            return Ok(());
        }
        let Some(id) = text.split('"').nth(1) else {
            return Ok(());
        };
        let answer = format!(r#"[4,"{id}","NotSupported","",{{}}]"#);
        let socket = self.socket.as_mut().ok_or(Gone)?;
        socket.send(Message::text(answer)).await.map_err(|_| Gone)
    }

    async fn receive(&mut self) -> Result<String, Gone> {
        let socket = self.socket.as_mut().ok_or(Gone)?;
        loop {
            match socket.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(Gone),
                Some(Ok(_)) => {}
            }
        }
    }
}

fn is_answer(text: &str, id: &str) -> bool {
    (text.starts_with("[3") || text.starts_with("[4")) && text.split('"').nth(1) == Some(id)
}
