//! Owns the frame log: what stations and we said, word for word, for as long as there is room.
//! Must never hold up a connection or a commit: what does not fit the queue is dropped and
//! counted. It holds nothing that the core needs, so it is never synced.

mod redact;
mod segment;

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use busbar_charging::ids::StationId;
use busbar_charging::units::Timestamp;
use busbar_engine::store::StoreError;
use serde::{Deserialize, Serialize};

pub use redact::redact;
use segment::{Segment, Writer};

use crate::sled_store::io_error;

/// Which way a frame went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the station.
    Received,
    /// To the station.
    Sent,
}

/// One frame. Secrets are redacted by whoever captures it (`redact`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// When it was captured.
    pub at: Timestamp,
    /// Whose connection.
    pub station: StationId,
    /// Which connection of the process.
    pub generation: u64,
    /// Which way.
    pub direction: Direction,
    /// As it was on the wire.
    pub text: Box<str>,
    /// As it was taken, where a quirk mended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mended: Option<Box<str>>,
}

impl Frame {
    fn bytes(&self) -> u64 {
        (self.text.len() + self.mended.as_ref().map_or(0, |text| text.len()) + 40) as u64
    }
}

/// How much is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameOptions {
    /// Bytes on disk of all: `frames.max`.
    pub max_bytes: u64,
    /// Bytes of text of one station before its own older frames go first.
    pub station_bytes: u64,
    /// A segment file grows to about this.
    pub segment_bytes: u64,
    /// Frames are written in blocks of about so many bytes of text.
    pub block_bytes: u64,
    /// So many frames may wait for the disk.
    pub queue: usize,
    /// So many bytes of text may wait for the disk.
    pub queue_bytes: u64,
}

impl Default for FrameOptions {
    fn default() -> Self {
        Self {
            max_bytes: 1 << 30,
            station_bytes: 32 << 20,
            segment_bytes: 8 << 20,
            block_bytes: 256 << 10,
            queue: 8_192,
            queue_bytes: 16 << 20,
        }
    }
}

/// What the frame log did, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameCounters {
    /// Frames taken in.
    pub recorded: u64,
    /// Frames dropped, because the disk did not keep up or failed.
    pub dropped: u64,
    /// Now: bytes on disk.
    pub bytes: u64,
}

/// Frames waiting in memory are written after this time.
const MAX_AGE: Duration = Duration::from_millis(1_000);

/// A handle to the frame log of a process.
#[derive(Clone)]
pub struct FrameLog {
    shared: Arc<Shared>,
    _open: Arc<Open>,
}

/// What all handles hold, and the thread does not.
struct Open(Arc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.incoming().ends = true;
        self.0.wake.notify_one();
    }
}

struct Shared {
    folder: PathBuf,
    options: FrameOptions,
    recorded: AtomicU64,
    dropped: AtomicU64,
    /// Locked for a moment only, and after `state` where both are.
    incoming: Mutex<Incoming>,
    /// Wakes the thread before its time.
    wake: Condvar,
    state: Mutex<State>,
}

/// What waits for the thread. It looks by itself every `MAX_AGE`, so that a frame wakes nobody:
/// to wake a thread costs more than all else that is done with a frame.
#[derive(Default)]
struct Incoming {
    frames: Vec<Frame>,
    bytes: u64,
    /// Who waits until all is written.
    waiting: Vec<SyncSender<()>>,
    ends: bool,
}

/// All that changes on the disk.
struct State {
    /// The file that grows.
    writer: Writer,
    /// Full files, oldest first.
    segments: VecDeque<Segment>,
    /// The number of the next frame that is written.
    next: u64,
    /// Bytes of text on disk of each station.
    stations: BTreeMap<StationId, u64>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn incoming(&self) -> MutexGuard<'_, Incoming> {
        self.incoming.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is a block to write, somebody asks, or it is time; gives who waits.
    fn wait(&self) -> (Vec<SyncSender<()>>, bool) {
        let sleeps = |incoming: &mut Incoming| {
            let asked = incoming.ends || !incoming.waiting.is_empty();
            !asked && incoming.bytes < self.options.block_bytes
        };
        let woken = self.wake.wait_timeout_while(self.incoming(), MAX_AGE, sleeps);
        let (mut incoming, _) = woken.unwrap_or_else(PoisonError::into_inner);
        (std::mem::take(&mut incoming.waiting), incoming.ends)
    }

    /// Writes what waits.
    fn write(&self) {
        let mut state = self.state();
        let mut incoming = self.incoming();
        incoming.bytes = 0;
        let frames = std::mem::take(&mut incoming.frames);
        drop(incoming);
        let frames: Vec<_> = (state.next..).zip(frames).collect();
        let mut rest = frames.as_slice();
        while !rest.is_empty() {
            let (block, more) = rest.split_at(block_len(rest, self.options.block_bytes));
            let count = block.len() as u64;
            // A file that begins after this block is named by the number that comes next.
            state.next += count;
            if state.write(block, &self.folder, &self.options).is_err() {
                self.dropped.fetch_add(count, Ordering::Relaxed);
            }
            rest = more;
        }
    }
}

/// How many of the frames make a block: at least one.
fn block_len(frames: &[(u64, Frame)], block_bytes: u64) -> usize {
    let mut bytes = 0;
    let fits = frames.iter().take_while(|(_, frame)| {
        let fits = bytes < block_bytes;
        bytes += frame.bytes();
        fits
    });
    fits.count().max(1)
}

impl FrameLog {
    /// Opens the log in a folder of its own, and starts the thread that writes it. The thread
    /// ends with the last handle.
    ///
    /// # Errors
    /// The folder cannot be used. A damaged segment is not an error: it is left out.
    pub fn open(folder: &Path, options: FrameOptions) -> Result<Self, StoreError> {
        let failed = |error| io_error(&folder.display().to_string(), &error);
        let state = State::open(folder).map_err(failed)?;
        let shared = Arc::new(Shared {
            folder: folder.into(),
            options,
            recorded: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            incoming: Mutex::default(),
            wake: Condvar::new(),
            state: Mutex::new(state),
        });
        let writing = Arc::clone(&shared);
        let thread = thread::Builder::new().name("frames".into());
        thread.spawn(move || write_frames(&writing)).map_err(failed)?;
        let open = Arc::new(Open(Arc::clone(&shared)));
        Ok(Self { shared, _open: open })
    }

    /// Takes a frame in, or drops it when the disk does not keep up. Never waits for the disk.
    pub fn record(&self, frame: Frame) {
        let Shared { options, recorded, dropped, wake, .. } = &*self.shared;
        let bytes = frame.bytes();
        let mut incoming = self.shared.incoming();
        let room = incoming.frames.len() < options.queue
            && incoming.bytes.saturating_add(bytes) <= options.queue_bytes;
        let was_full = incoming.bytes >= options.block_bytes;
        if room {
            incoming.bytes += bytes;
            incoming.frames.push(frame);
        }
        let is_full = incoming.bytes >= options.block_bytes;
        drop(incoming);
        if is_full && !was_full {
            wake.notify_one();
        }
        let counter = if room { recorded } else { dropped };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until all that was recorded before is written.
    pub fn write(&self) {
        let (done, wait) = sync_channel(1);
        let mut incoming = self.shared.incoming();
        if incoming.ends {
            return;
        }
        incoming.waiting.push(done);
        drop(incoming);
        self.shared.wake.notify_one();
        // An error is a thread that is gone.
        let _ = wait.recv();
    }

    /// A station's frames, newest first, each with its number; only those before number `before`
    /// where it is given: the cursor of the next page is the last number.
    ///
    /// # Errors
    /// The disk cannot be read.
    pub fn page(
        &self,
        station: &StationId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, Frame)>, StoreError> {
        let before = before.unwrap_or(u64::MAX);
        for _ in 0..ATTEMPTS {
            match self.read_page(station, before, limit, false) {
                Ok(found) => return Ok(found),
                Err(error) if is_stale(&error) => {}
                Err(error) => return Err(io_error("the frame log", &error)),
            }
        }
        let rest = self.read_page(station, before, limit, true);
        rest.map_err(|error| io_error("the frame log", &error))
    }

    /// `lenient`: without what cannot be read.
    fn read_page(
        &self,
        station: &StationId,
        before: u64,
        limit: usize,
        lenient: bool,
    ) -> io::Result<Vec<(u64, Frame)>> {
        let state = self.shared.state();
        let incoming = self.shared.incoming();
        let waiting = (state.next..).zip(&incoming.frames);
        let ours = waiting.filter(|(number, frame)| *number < before && frame.station == *station);
        let ours: Vec<_> = ours.collect();
        let newest = ours.into_iter().rev().take(limit);
        let mut found: Vec<_> = newest.map(|(number, frame)| (number, frame.clone())).collect();
        drop(incoming);
        let segments = state.all();
        drop(state);
        for segment in segments.iter().rev() {
            if found.len() >= limit {
                break;
            }
            match segment.newest(station, before, limit - found.len()) {
                Ok(frames) => found.extend(frames),
                Err(error) if lenient && is_stale(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// Writes frames as JSON lines, oldest first: of one station, or of all.
    ///
    /// # Errors
    /// The disk cannot be read, or `out` not written.
    pub fn export(&self, station: Option<&StationId>, out: &mut dyn Write) -> io::Result<u64> {
        self.write();
        let segments = self.shared.state().all();
        let mut count = 0;
        for segment in segments {
            for block in 0..segment.blocks() {
                for (_, frame) in segment.read(block)? {
                    if station.is_none_or(|station| frame.station == *station) {
                        serde_json::to_writer(&mut *out, &frame)?;
                        out.write_all(b"\n")?;
                        count += 1;
                    }
                }
            }
        }
        Ok(count)
    }

    /// What it did and holds.
    pub fn counters(&self) -> FrameCounters {
        FrameCounters {
            recorded: self.shared.recorded.load(Ordering::Relaxed),
            dropped: self.shared.dropped.load(Ordering::Relaxed),
            bytes: self.shared.state().bytes(),
        }
    }
}

/// So often a page is read again whose files were rewritten meanwhile.
const ATTEMPTS: usize = 3;

/// True for what a file that was evicted or rewritten meanwhile gives, or one that is damaged.
fn is_stale(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, NotFound, UnexpectedEof};
    matches!(error.kind(), NotFound | InvalidData | UnexpectedEof)
}

/// The thread: writes what was gathered.
fn write_frames(shared: &Shared) {
    let _gone = Gone(shared);
    loop {
        let (waiting, ends) = shared.wait();
        shared.write();
        for done in waiting {
            // Who has stopped waiting needs no answer.
            let _gone = done.send(());
        }
        if ends {
            return;
        }
    }
}

/// However the thread ends, nobody waits for it any more.
struct Gone<'a>(&'a Shared);

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        let mut incoming = self.0.incoming();
        incoming.ends = true;
        incoming.waiting.clear();
    }
}

impl State {
    fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let (mut segments, mut stations) = (VecDeque::new(), BTreeMap::new());
        let mut next = 1;
        for path in segment::files(folder)? {
            // A file of which nothing can be read is left where it is, with its name.
            next = next.max(segment::first_number(&path).saturating_add(1));
            let Ok(segment) = Segment::open(&path) else { continue };
            if segment.is_new() {
                segment.remove()?;
                continue;
            }
            for (station, bytes) in segment.stations()? {
                let total: &mut u64 = stations.entry(station).or_default();
                *total = total.saturating_add(bytes);
            }
            next = next.max(segment.end());
            segments.push_back(segment);
        }
        let writer = Writer::create(folder, next)?;
        Ok(Self { writer, segments, next, stations })
    }

    /// All files, oldest first.
    fn all(&self) -> Vec<Segment> {
        let mut all: Vec<Segment> = self.segments.iter().cloned().collect();
        all.push(self.writer.as_segment());
        all
    }

    fn bytes(&self) -> u64 {
        self.segments.iter().map(Segment::bytes).sum::<u64>() + self.writer.bytes()
    }

    /// Writes frames as one block, begins a new file where this one is full, and makes room.
    fn write(
        &mut self,
        frames: &[(u64, Frame)],
        folder: &Path,
        options: &FrameOptions,
    ) -> io::Result<()> {
        if frames.is_empty() {
            return Ok(());
        }
        // Into a file that is full, because no new one could be begun, nothing more is written:
        // it and what memory knows of it would grow for as long.
        let first = frames.first().map_or(self.next, |(number, _)| *number);
        self.rotate(first, folder, options)?;
        self.writer.write(frames)?;
        for (_, frame) in frames {
            *self.stations.entry(frame.station.clone()).or_default() += frame.bytes();
        }
        // Where this fails, these frames are written, and the next ones are refused above.
        let _full = self.rotate(self.next, folder, options);
        while self.bytes() > options.max_bytes && !self.segments.is_empty() {
            self.make_room(options)?;
        }
        Ok(())
    }

    /// Begins a file, named by its first frame, where this one is full.
    fn rotate(&mut self, first: u64, folder: &Path, options: &FrameOptions) -> io::Result<()> {
        if self.writer.bytes() >= options.segment_bytes {
            let next = Writer::create(folder, first)?;
            let full = std::mem::replace(&mut self.writer, next);
            // Without its index the file is read from its beginning when it is opened again.
            let without = full.as_segment();
            self.segments.push_back(full.finish().unwrap_or(without));
        }
        Ok(())
    }

    /// Takes the oldest frames of the stations that are above their quota; where there are none,
    /// the oldest segment.
    fn make_room(&mut self, options: &FrameOptions) -> io::Result<()> {
        let floods = |station: &StationId, stations: &BTreeMap<StationId, u64>| {
            stations.get(station).is_some_and(|bytes| *bytes > options.station_bytes)
        };
        if self.stations.values().any(|bytes| *bytes > options.station_bytes) {
            for index in 0..self.segments.len() {
                let here = self.segments[index].stations().unwrap_or_default();
                if !here.keys().any(|station| floods(station, &self.stations)) {
                    continue;
                }
                let (segment, stations) = (&self.segments[index], &self.stations);
                let kept = match segment.rewrite(|frame| !floods(&frame.station, stations)) {
                    // What cannot be read is not worth its room.
                    Err(error) if is_stale(&error) => segment.remove().map(|()| None),
                    kept => kept,
                }?;
                for (station, bytes) in here {
                    if kept.is_none() || floods(&station, &self.stations) {
                        self.forget(&station, bytes);
                    }
                }
                match kept {
                    Some(segment) => self.segments[index] = segment,
                    None => drop(self.segments.remove(index)),
                }
                return Ok(());
            }
        }
        if let Some(oldest) = self.segments.pop_front() {
            for (station, bytes) in oldest.stations().unwrap_or_default() {
                self.forget(&station, bytes);
            }
            oldest.remove()?;
        }
        Ok(())
    }

    fn forget(&mut self, station: &StationId, bytes: u64) {
        if let Some(total) = self.stations.get_mut(station) {
            *total = total.saturating_sub(bytes);
            if *total == 0 {
                self.stations.remove(station);
            }
        }
    }
}

#[cfg(test)]
mod tests;
