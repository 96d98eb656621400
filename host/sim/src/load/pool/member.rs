//! Owns one station of the load: connects, boots, and says what its order wants. Must never have
//! two calls open, unless its order is to flood.

use std::rc::Rc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_tungstenite::tungstenite::Message;

use super::{Common, Order};
use crate::load::script::{Call, Kind, Script};
use crate::rng::Rng;
use crate::socket::{Login, Socket, Target, now_ms};

/// A station waits this long for an answer.
const PATIENCE: Duration = Duration::from_secs(30);
const BACKOFF: Duration = Duration::from_millis(500);
const BACKOFF_MAX: Duration = Duration::from_secs(8);
/// Pause between the steps of a charge.
const STEP: Duration = Duration::from_millis(200);

type Orders = watch::Receiver<Option<Rc<Order>>>;

pub(super) struct Member {
    login: Login,
    target: Target,
    script: Script,
    rng: Rng,
    /// Its number in the whole run.
    place: usize,
    name: Rc<str>,
    common: Rc<Common>,
    dialing: Rc<Semaphore>,
    socket: Option<Socket>,
    /// It does something else than the mix: its calls are in no latency.
    apart: bool,
}

/// The connection is gone.
struct Gone;

impl Member {
    pub(super) fn new(
        login: Login,
        target: Target,
        seed: u64,
        place: usize,
        common: Rc<Common>,
        dialing: Rc<Semaphore>,
    ) -> Self {
        let name = login.identity.as_str().into();
        let script = Script::new(login.version, &login.identity, seed);
        let rng = Rng::part(seed, &login.identity);
        Self {
            login,
            target,
            script,
            rng,
            place,
            name,
            common,
            dialing,
            socket: None,
            apart: false,
        }
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
                    // Who was cut off comes back and goes on.
                    if self.obey(&order).await.is_err() {
                        self.broke();
                        self.connect().await;
                    } else {
                        done = order.number;
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
        let place = self.place;
        self.apart = place < phase.apart();
        if phase.drop {
            self.storm(order).await;
            return Ok(());
        }
        if place < phase.slow + phase.flood {
            let done =
                if place < phase.slow { self.deaf(end).await } else { self.flood(end).await };
            done?;
            // What still stands in its line would hold up what it says next.
            self.hang_up();
            self.connect().await;
            return Ok(());
        }
        if self.apart {
            return self.charge(end).await;
        }
        if phase.mix.is_empty() {
            return self.until(end).await;
        }
        let each = phase.rate / order.of.saturating_sub(phase.apart()).max(1) as f64;
        let pause = (each > 0.0).then(|| Duration::from_secs_f64(1.0 / each));
        let mut due = order.start.max(Instant::now());
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
            self.call(&call, since).await?;
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
                    self.record(Kind::Connect, since);
                    self.common.stats.borrow_mut().connected += 1;
                    if self.introduce().await.is_ok() {
                        return;
                    }
                    self.broke();
                }
                Err(error) => {
                    let mut stats = self.common.stats.borrow_mut();
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
        self.call(&boot, Instant::now()).await?;
        for state in self.script.states(now_ms()) {
            self.call(&state, Instant::now()).await?;
        }
        Ok(())
    }

    fn broke(&mut self) {
        if self.hang_up() {
            self.common.stats.borrow_mut().broken += 1;
        }
    }

    /// Drops the connection; whether there was one.
    fn hang_up(&mut self) -> bool {
        let had_one = self.socket.take().is_some();
        let mut stats = self.common.stats.borrow_mut();
        stats.connected = stats.connected.saturating_sub(u64::from(had_one));
        had_one
    }

    fn record(&self, kind: Kind, since: Instant) {
        if !self.apart {
            self.common.stats.borrow_mut().record(kind, since);
        }
    }

    async fn storm(&mut self, order: &Order) {
        self.hang_up();
        let share = self.rng.below(1 << 20) as f64 / f64::from(1 << 20);
        sleep(Duration::from_secs_f64(order.phase.spread_s * share)).await;
        self.script.turn();
        self.connect().await;
        self.record(Kind::Back, order.start);
    }

    /// Sends and never reads.
    async fn deaf(&mut self, end: Instant) -> Result<(), Gone> {
        while Instant::now() < end {
            let call = self.script.heartbeat(now_ms());
            let sent = tokio::time::timeout_at(end, self.send(&call)).await;
            match sent {
                Ok(Ok(())) => self.common.stats.borrow_mut().unpaced += 1,
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
                Ok(Ok(())) => self.common.stats.borrow_mut().unpaced += 1,
                Ok(Err(gone)) => return Err(gone),
                Err(_) => return Ok(()),
            }
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Charges, one step after the other.
    async fn charge(&mut self, end: Instant) -> Result<(), Gone> {
        let mut due = Instant::now() + STEP.mul_f64(self.rng.below(1000) as f64 / 1000.0);
        while due < end {
            tokio::select! {
                () = sleep_until(due) => {}
                lost = self.listen() => return Err(lost),
            }
            let call = self.script.charging(now_ms());
            self.call(&call, due).await?;
            self.common.stats.borrow_mut().unpaced += 1;
            due = Instant::now() + STEP;
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

    /// Sends a call and counts the time until its answer.
    async fn call(&mut self, call: &Call, since: Instant) -> Result<(), Gone> {
        if self.ask(call).await? {
            self.record(call.kind, since);
        }
        Ok(())
    }

    /// Sends a call and waits for its answer; false where there is none, or an error.
    async fn ask(&mut self, call: &Call) -> Result<bool, Gone> {
        self.send(call).await?;
        let answer = tokio::time::timeout(PATIENCE, self.answer(call.id)).await;
        let Ok(answer) = answer else {
            self.common.stats.borrow_mut().timeouts += 1;
            return Ok(false);
        };
        let text = answer?;
        if text.starts_with("[3") {
            self.script.answered(call.kind, &text);
            if let Some(state) = call.tells {
                self.common.told.borrow_mut().insert(Rc::clone(&self.name), state);
            }
            return Ok(true);
        }
        let mut stats = self.common.stats.borrow_mut();
        stats.errors += 1;
        stats.note(&text);
        Ok(false)
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
