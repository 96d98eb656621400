//! The segments of the frame log. Whatever a file holds, the log opens, gives pages in order, and
//! takes what comes next. The input is pieces of one file: a letter, a length of two bytes, and so
//! many bytes: `r`, as they are; `b`, the body of a block; `i`, the body of an index; `f`, the
//! body of a block whose length is said to be four times as much. Must never write but where
//! nothing is kept.

use busbar_charging::units::Timestamp;
use busbar_store::frames::{Direction, Frame, FrameLog, FrameOptions};
use busbar_store::stored::Kind;

use super::stored::{memory, sealed};

/// Opens a log over a file.
pub fn check(data: &[u8]) {
    let folder = tempfile::tempdir_in(memory()).expect("a folder for files");
    let segment = folder.path().join("00000000000000000001.frames");
    std::fs::write(segment, file_of(data)).expect("room for a file");
    // Room for so little that the old file has to go when more comes.
    let options = FrameOptions { max_bytes: 512, segment_bytes: 128, ..FrameOptions::default() };
    let log = FrameLog::open(folder.path(), options).expect("damage is no error of opening");
    pages(&log, "CS-1");
    // What cannot be read is an error of the disk.
    let _ = log.export(None, &mut std::io::sink());
    for number in 0..3 {
        log.record(frame(number));
    }
    log.write();
    let newest = pages(&log, "CS-1");
    if log.counters().dropped == 0 {
        assert_eq!(newest.first().map(|(_, frame)| frame), Some(&frame(2)));
    }
    // The file that grows may be above its size by a block, and nothing else is left then.
    let bytes = log.counters().bytes;
    assert!(bytes < 4_096 && log.counters().dropped == 0, "{:?}", log.counters());
}

fn frame(number: i64) -> Frame {
    Frame {
        at: Timestamp(number),
        station: "CS-1".into(),
        generation: 1,
        direction: Direction::Received,
        text: format!("[2,\"{number}\",\"Heartbeat\",{{}}]").into(),
        mended: None,
    }
}

/// All frames of a station, newest first.
fn pages(log: &FrameLog, station: &str) -> Vec<(u64, Frame)> {
    let (mut all, mut before) = (Vec::new(), None);
    for _ in 0..64 {
        let Ok(page) = log.page(&station.into(), before, 3) else { return all };
        assert!(page.len() <= 3, "a page of {}", page.len());
        let Some((last, _)) = page.last() else { break };
        assert!(before.is_none_or(|before| *last < before), "a page that leads nowhere");
        assert!(page.iter().all(|(_, frame)| frame.station.as_str() == station));
        before = Some(*last);
        all.extend(page);
    }
    all
}

fn file_of(mut data: &[u8]) -> Vec<u8> {
    let mut file = b"busbar frames 1\n".to_vec();
    let mut number = 0;
    while let Some(([way, high, low], rest)) = data.split_first_chunk::<3>() {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
        let (piece, rest) = rest.split_at(length);
        let body = sealed(Kind::Frames, number, piece);
        let length = body.len() as u32;
        match way {
            b'r' => file.extend(piece),
            b'b' => file.extend([&length.to_be_bytes()[..], &body].concat()),
            b'f' => file.extend([&(length * 4).to_be_bytes()[..], &body].concat()),
            b'i' => file.extend([&body, &u64::from(length).to_be_bytes()[..]].concat()),
            _ => {}
        }
        number += 1;
        data = rest;
    }
    file
}
