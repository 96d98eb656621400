//! The judgement over traces: one of a real host, the same with its order changed by hand, and
//! what a trace may look like.

use super::calls::read;
use super::frames::Stream;
use super::*;

/// The host of `busbar sim load --serve --trace`, with four stations: one question of each, its
/// commit and its answer.
const RECORDED: &str = include_str!("tests/host.trace");
const STORE: &str = "/data/store";

fn judged(text: &str) -> Traced {
    judge(text, Path::new(STORE))
}

#[test]
fn a_host_that_syncs_first_is_seen_to_do_so() {
    let traced = judged(RECORDED);
    assert_eq!((traced.answers, traced.early, traced.illegible), (4, 0, 0), "{traced:?}");
    assert!(traced.syncs >= 1 && !traced.files.is_empty(), "{traced:?}");
}

/// Every line of a sync or of a write, taken out or put behind the answers: all answers are early.
#[test]
fn a_host_that_answers_first_is_caught() {
    let is_sync = |line: &&str| line.contains("fdatasync") || line.contains("fsync");
    let is_write = |line: &&str| line.contains("write") && line.contains(STORE);
    let without = |gone: &dyn Fn(&&str) -> bool| {
        let left: Vec<&str> = RECORDED.lines().filter(|line| !gone(line)).collect();
        left.join("\n")
    };
    let moved = |gone: &dyn Fn(&&str) -> bool| {
        let end: Vec<&str> = RECORDED.lines().filter(|line| gone(line)).collect();
        format!("{}\n{}", without(gone), end.join("\n"))
    };
    for edited in [
        without(&is_sync),
        without(&is_write),
        moved(&is_sync),
        moved(&|line| is_sync(line) || is_write(line)),
        // A sync that only seems to be made, and one of a file elsewhere.
        RECORDED.replace(") = 0\n", ") = 0 (INJECTED)\n"),
        RECORDED.replace(STORE, "/data/frames"),
    ] {
        let traced = judged(&edited);
        assert_eq!((traced.answers, traced.early), (4, 4), "{traced:?}\n{edited}");
        assert_eq!(traced.samples.len(), 3);
    }
}

#[test]
fn halves_of_a_call_are_joined_and_their_order_is_kept() {
    let text = "7 pwrite64(5</data/store/db>, \"ab\", 2, 0 <unfinished ...>\n\
                8 recvfrom(9<socket:[1]>, \"\\x81\\x00\\n\\\\\\\"\", 4096, 0, NULL, NULL) = 5\n\
                7 <... pwrite64 resumed>) = 2\n\
                7 fdatasync(5</data/store/db>) = -1 EIO (Input/output error)\n\
                7 fsync(5</data/store/db>) = 0 (INJECTED)\n\
                9 +++ exited with 0 +++\n";
    let calls = read(text);
    assert_eq!(calls.len(), 2, "{calls:?}");
    assert_eq!((calls[0].bytes.as_slice(), calls[0].begin), (&b"\x81\x00\n\\\""[..], 1));
    assert_eq!((calls[1].path(), calls[1].begin, calls[1].end), ("/data/store/db", 0, 2));
    assert!(calls[0].is_socket() && !calls[1].is_socket());
}

#[test]
fn what_was_read_in_pieces_is_one_text_and_what_was_cut_is_none() {
    let mut stream = Stream::default();
    let masked = [0x81, 0x82, 1, 2, 3, 4, b'h' ^ 1, b'i' ^ 2];
    assert_eq!(stream.feed(b"GET /ocpp/A HTTP/1.1\r\n\r\n\x81", 0), []);
    assert_eq!(stream.feed(&masked[1..5], 1), []);
    let text = stream.feed(&[&masked[5..], &[0x89, 0x80, 0, 0, 0, 0]].concat(), 2).remove(0);
    assert_eq!((text.text.as_str(), text.first, text.last), ("hi", 0, 2));
    let mut http = Stream::default();
    assert_eq!(http.feed(b"GET /api/v1/stations HTTP/1.1\r\n\r\n", 0), []);
    assert!(http.is_lost);
    let cut = "1 sendto(9<socket:[1]>, \"\\x81\\x7e\"..., 5000, 0, NULL, 0) = 5000\n";
    assert_eq!(judged(cut).illegible, 1);
}
