//! Proves order, eviction and bounds of the frame log.

use tempfile::TempDir;

use super::*;

fn frame(station: u64, n: u64, bytes: usize) -> Frame {
    let mut state = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let letter = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b' ' + (state >> 40) as u8 % 90)
    };
    Frame {
        at: Timestamp(n as i64),
        station: format!("S{station}").as_str().into(),
        generation: 1,
        direction: if n.is_multiple_of(2) { Direction::Received } else { Direction::Sent },
        text: (0..bytes).map(letter).collect::<String>().into(),
        mended: n.is_multiple_of(3).then(|| "mended".into()),
    }
}

fn options() -> FrameOptions {
    FrameOptions {
        max_bytes: 400_000,
        station_bytes: 100_000,
        segment_bytes: 50_000,
        block_bytes: 5_000,
        queue: 100_000,
        queue_bytes: u64::MAX,
    }
}

fn all(log: &FrameLog, station: u64, page: usize) -> Vec<u64> {
    let station = format!("S{station}").as_str().into();
    let (mut times, mut before) = (Vec::new(), None);
    loop {
        let frames = log.page(&station, before, page).unwrap();
        assert!(frames.iter().all(|(_, frame)| frame.station == station));
        times.extend(frames.iter().map(|(_, frame)| frame.at.0 as u64));
        match frames.last() {
            Some((number, _)) => before = Some(*number),
            None => return times,
        }
    }
}

#[test]
fn frames_come_back_newest_first_also_after_a_start() {
    let home = TempDir::new().unwrap();
    let log = FrameLog::open(home.path(), options()).unwrap();
    for n in 0..600 {
        log.record(frame(n % 3, n, 300));
    }
    log.write();
    let wanted: Vec<u64> = (0..600).rev().filter(|n| n % 3 == 1).collect();
    assert_eq!(all(&log, 1, 7), wanted);
    assert_eq!(all(&log, 1, 1_000), wanted);
    let station = "S1".into();
    let (_, newest) = &log.page(&station, None, 1).unwrap()[0];
    assert_eq!(*newest, frame(1, 598, 300));
    let mut lines = Vec::new();
    assert_eq!(log.export(None, &mut lines).unwrap(), 600);
    assert_eq!(log.export(Some(&station), &mut Vec::new()).unwrap(), 200);
    let first = String::from_utf8(lines).unwrap().lines().next().unwrap().to_owned();
    assert_eq!(serde_json::from_str::<Frame>(&first).unwrap(), frame(0, 0, 300));
    drop(log);
    let log = FrameLog::open(home.path(), options()).unwrap();
    assert_eq!(all(&log, 1, 50), wanted);
    log.record(frame(1, 601, 10));
    log.write();
    assert_eq!(all(&log, 1, 50)[..2], [601, 598]);
    assert_eq!(all(&log, 9, 50), Vec::<u64>::new());
}

#[test]
fn a_frame_is_found_before_it_is_written() {
    let home = TempDir::new().unwrap();
    let log = FrameLog::open(home.path(), options()).unwrap();
    for n in 1..=3 {
        log.record(frame(n % 2, n, 10));
        assert_eq!(all(&log, 1, 5)[0], n - u64::from(n == 2));
    }
    let before = log.page(&"S1".into(), None, 5).unwrap();
    log.write();
    assert_eq!(log.page(&"S1".into(), None, 5).unwrap(), before, "the numbers stay");
}

#[test]
fn a_flood_evicts_only_itself() {
    let home = TempDir::new().unwrap();
    let log = FrameLog::open(home.path(), options()).unwrap();
    for n in 0..20_000 {
        log.record(frame(7, n, 200));
        if n % 100 == 0 {
            log.record(frame(1, n, 200));
        }
        if n % 1_000 == 0 {
            log.write();
        }
    }
    log.write();
    assert_eq!(all(&log, 1, 100).len(), 200, "the quiet station lost frames");
    let flood = all(&log, 7, 1_000);
    assert!(flood.len() > 200 && flood.len() < 2_500, "{} frames of the flood", flood.len());
    assert_eq!(flood[0], 19_999, "the newest of the flood is there");
    let counters = log.counters();
    assert!(counters.bytes <= 400_000 && counters.dropped == 0, "{counters:?}");
}

#[test]
fn without_a_flood_the_oldest_go() {
    let home = TempDir::new().unwrap();
    let log = FrameLog::open(home.path(), options()).unwrap();
    for n in 0..5_000 {
        log.record(frame(n % 50, n, 200));
    }
    log.write();
    let kept = all(&log, 0, 100);
    assert!(kept.len() > 10 && kept.len() < 60, "{}", kept.len());
    assert!(kept.windows(2).all(|pair| pair[0] == pair[1] + 50), "a gap");
    assert!(log.counters().bytes <= 400_000);
}

#[test]
fn what_the_disk_does_not_take_is_dropped_and_counted() {
    let home = TempDir::new().unwrap();
    for narrow in [
        FrameOptions { queue: 4, ..options() },
        FrameOptions { queue_bytes: 4 * frame(1, 1, 10).bytes(), ..options() },
    ] {
        let log = FrameLog::open(home.path(), narrow).unwrap();
        let state = log.shared.state();
        for n in 0..50 {
            log.record(frame(1, n * 3 + 1, 10));
        }
        drop(state);
        log.write();
        let counters = log.counters();
        assert!(counters.dropped >= 42, "{counters:?}");
        assert_eq!(counters.recorded + counters.dropped, 50);
    }
}

#[test]
fn what_has_gathered_is_written_in_blocks() {
    let home = TempDir::new().unwrap();
    let log = FrameLog::open(home.path(), options()).unwrap();
    let state = log.shared.state();
    for n in 0..100 {
        log.record(frame(1, n, 1_000));
    }
    drop(state);
    log.write();
    let blocks = log.shared.state().all().iter().map(Segment::blocks).sum::<usize>();
    assert!(blocks >= 20, "{blocks}");
    assert_eq!(all(&log, 1, 1_000).len(), 100);
}

#[test]
fn a_file_that_was_cut_off_gives_what_is_whole_of_it() {
    let home = TempDir::new().unwrap();
    let log = FrameLog::open(home.path(), options()).unwrap();
    for n in 0..100 {
        log.record(frame(1, n, 300));
    }
    log.write();
    drop(log);
    let path = segment::files(home.path()).unwrap().remove(0);
    let whole = fs::read(&path).unwrap();
    for cut in [1, 9, 200, whole.len() - 3_000, whole.len() - 3, whole.len()] {
        fs::write(&path, &whole[..whole.len() - cut]).unwrap();
        let log = FrameLog::open(home.path(), options()).unwrap();
        let kept = all(&log, 1, 1_000);
        assert!(kept.windows(2).all(|pair| pair[0] == pair[1] + 1));
        assert!(kept.last().is_none_or(|oldest| *oldest == 0));
    }
}

/// Found by fuzzing: a start took the name of a file of which nothing could be read, and evicting
/// that file later took the frames of the new one.
#[test]
fn a_start_never_takes_the_name_of_a_file_that_stands() {
    let home = TempDir::new().unwrap();
    let damaged = home.path().join("00000000000000000001.frames");
    fs::write(&damaged, [&b"busbar frames 1\n"[..], &[9; 600]].concat()).unwrap();
    let small = FrameOptions { max_bytes: 1_000, segment_bytes: 300, ..options() };
    for start in 0..3 {
        let log = FrameLog::open(home.path(), small.clone()).unwrap();
        assert_eq!(fs::read(&damaged).is_ok(), start == 0, "it goes when there is no room for it");
        for n in 0..4 {
            log.record(frame(1, start * 10 + n, 100));
            log.write();
        }
        assert_eq!(all(&log, 1, 10)[0], start * 10 + 3);
    }
    for _ in 0..3 {
        drop(FrameLog::open(home.path(), small.clone()).unwrap());
    }
    assert!(segment::files(home.path()).unwrap().len() < 6, "a start leaves an empty file");
}

/// What could not be read could not be evicted either, so that the log grew.
#[test]
fn damage_does_not_stop_eviction() {
    let home = TempDir::new().unwrap();
    let log = FrameLog::open(home.path(), options()).unwrap();
    for n in 0..2_000 {
        log.record(frame(n % 2, n, 200));
    }
    log.write();
    drop(log);
    for path in segment::files(home.path()).unwrap() {
        let mut bytes = fs::read(&path).unwrap();
        if let Some(byte) = bytes.get_mut(60) {
            *byte ^= 1;
        }
        fs::write(&path, bytes).unwrap();
    }
    let log = FrameLog::open(home.path(), options()).unwrap();
    for n in 2_000..4_000 {
        log.record(frame(n % 2, n, 200));
    }
    log.write();
    let counters = log.counters();
    assert!(counters.bytes <= 400_000 && counters.dropped == 0, "{counters:?}");
    assert_eq!(all(&log, 1, 100)[0], 3_999);
}

/// Found by fuzzing: an index that names a block which is not there ended the thread.
#[test]
fn an_index_that_cannot_be_is_not_believed() {
    let home = TempDir::new().unwrap();
    let path = home.path().join("00000000000000000001.frames");
    let stations = BTreeMap::from([("S1", (10, vec![7]))]);
    let body = minicbor_serde::to_vec(Named { blocks: vec![(16, 4, 1, 2)], stations }).unwrap();
    let mut sealer = crate::codec::Sealer::new().unwrap();
    let sealed = sealer.seal(crate::codec::Kind::Frames, 0, &body).unwrap();
    let length = (sealed.len() as u64).to_be_bytes();
    fs::write(&path, [&b"busbar frames 1\n\0\0\0\0"[..], &sealed, &length].concat()).unwrap();
    let log = FrameLog::open(home.path(), options()).unwrap();
    log.record(frame(1, 5, 10));
    log.write();
    assert_eq!(all(&log, 1, 10), [5]);
}

#[derive(Serialize)]
struct Named<'a> {
    blocks: Vec<(u64, u64, u64, u64)>,
    stations: BTreeMap<&'a str, (u64, Vec<u32>)>,
}

/// Without a folder for the next file, the full one and its index grew for as long.
#[test]
fn a_full_file_does_not_grow_where_no_other_can_be_begun() {
    let home = TempDir::new().unwrap();
    let folder = home.path().join("frames");
    let log = FrameLog::open(&folder, options()).unwrap();
    fs::rename(&folder, home.path().join("away")).unwrap();
    for n in 0..600 {
        log.record(frame(n % 3, n, 300));
        log.write();
    }
    let counters = log.counters();
    let bound = options().segment_bytes + options().block_bytes;
    assert!(counters.bytes <= bound, "{} bytes", counters.bytes);
    assert!(counters.dropped > 300, "{counters:?}");
    fs::rename(home.path().join("away"), &folder).unwrap();
    log.record(frame(1, 1_000, 300));
    log.write();
    assert_eq!(all(&log, 1, 1_000)[0], 1_000);
    drop(log);
    assert_eq!(all(&FrameLog::open(&folder, options()).unwrap(), 1, 1_000)[0], 1_000);
}
