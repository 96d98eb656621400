//! OpenADR end to end: a real host follows a VTN over a real socket. Its limit and prices reach the
//! site, a change changes them and a deletion lifts them, a bad event is named while the others
//! go on, a silent VTN leads to the fallback and one that is back to its limit. The VTN is a small
//! one of this file, by OpenADR 3.1: it tells tokens, programs and events, page by page. Must never
//! know how the host asks.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::process::free;
use crate::support::{Api, TestHost, until};

const SECRET: &str = "correct-horse-battery";
const LOAD: &str = "/api/v1/sites/north/load";

fn site(vtn: SocketAddr) -> String {
    format!(
        r#"
[[sites]]
id = "north"
stations = ["CS1"]

[[sites.load.tree.circuit]]
name = "grid"
current = "63 A"

[[sites.load.tree.evse]]
evse = "CS1/1"
circuit = "grid"
max = "32 A"
fallback = "6 A"

[sites.openadr]
url = "http://{vtn}/openadr3/3.1.0"
client_id = "busbar"
client_secret = "{SECRET}"
program = "grid limits"
targets = ["feeder 7"]
poll = "1s"
timeout = "5s"
fallback = "6 kW"
"#
    )
}

#[test]
fn a_site_follows_its_vtn() {
    let address = free();
    let said = Arc::new(Said::default());
    // Further pages must be asked for.
    let others = (0..60).map(|n| event(&format!("other{n}"), "SIMPLE", json!(1), 9));
    said.put(others.chain([event("cut", "IMPORT_CAPACITY_LIMIT", json!(17.25), 5)]).collect());
    let mut vtn = Vtn::start(address, &said);
    let host = TestHost::start(&site(address));
    host.prepare(&["CS1"]);
    let api = &host.api;

    held(api, "the limit", Some(17_250));
    let load = api.get(LOAD);
    let row = load["circuits"][0]["rows"].as_array().unwrap().iter();
    let [row] = row.filter(|row| row["set_by"] == "openadr").collect::<Vec<_>>()[..] else {
        panic!("one row is limited: {load:#}")
    };
    assert_eq!((&row["row"], &row["power_w"]["limit"]), (&"power".into(), &17_250.into()), "{row}");

    // A change; and what nobody can read is named and keeps nothing else from being heard.
    let price = event("price", "PRICE", json!(0.2534), 5);
    let bad = event("odd", "IMPORT_CAPACITY_LIMIT", json!("much"), 0);
    let cut = event("cut", "IMPORT_CAPACITY_LIMIT", json!(9), 5);
    said.put(vec![bad, cut.clone(), price]);
    held(api, "the changed limit", Some(9_000));
    let prices = until("the price", || {
        let prices = api.get(LOAD)["prices"].as_array().cloned()?;
        (!prices.is_empty()).then_some(prices)
    });
    assert_eq!((prices.len(), &prices[0]["per_kwh"]), (1, &"0.2534".into()), "{prices:?}");
    // Looked at again and again, it is named once.
    let polls = said.polls.load(Ordering::Relaxed);
    until("further polls", || (said.polls.load(Ordering::Relaxed) > polls + 2).then_some(()));
    let metrics = api.send("GET", "/metrics", None).text();
    assert_eq!(count(&metrics, "openadr_bad_events_total{site=\"north\"}"), 1, "{metrics}");
    assert!(count(&metrics, "openadr_polls_total{site=\"north\",result=\"ok\"}") >= 3, "{metrics}");

    // It forgets its tokens: another is asked for.
    said.token.fetch_add(1, Ordering::Relaxed);
    said.put(vec![event("cut", "IMPORT_CAPACITY_LIMIT", json!(8), 5)]);
    held(api, "the limit with a new token", Some(8_000));

    vtn.stop();
    until("the fallback", || silent(api).then_some(()));
    held(api, "the fallback", Some(6_000));
    let metrics = api.send("GET", "/metrics", None).text();
    let unreachable = "openadr_polls_total{site=\"north\",result=\"unreachable\"}";
    assert!(count(&metrics, unreachable) >= 1, "{metrics}");

    vtn = Vtn::start(address, &said);
    held(api, "the limit of a VTN that is back", Some(8_000));
    assert!(!silent(api));

    said.put(Vec::new());
    held(api, "no limit once it is deleted", None);
    until("no price either", || (api.get(LOAD)["prices"] == json!([])).then_some(()));
    vtn.stop();
}

/// Nothing else that the host asks is an address that anyone can give it, and a VTN may not send it
/// elsewhere: neither with its secret nor with a token.
#[test]
fn attack_29_a_vtn_that_points_into_the_inner_network() {
    const WAYS: [u16; 5] = [301, 302, 303, 307, 308];
    let [vtn, inner] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    inner.set_nonblocking(true).unwrap();
    let (address, elsewhere) = (vtn.local_addr().unwrap(), inner.local_addr().unwrap());
    let pointing = std::thread::spawn(move || {
        for status in WAYS {
            let (mut stream, _) = vtn.accept().unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            read(&stream).unwrap();
            let answer = format!(
                "HTTP/1.1 {status} elsewhere\r\nLocation: http://{elsewhere}/auth/token\r\n\
                 Content-Length: 0\r\nConnection: close\r\n\r\n"
            );
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    let host = TestHost::start(&site(address));
    until("all ways to be pointed", || pointing.is_finished().then_some(()));
    pointing.join().unwrap();
    let ended = || {
        let metrics = host.api.send("GET", "/metrics", None).text();
        let polls = metrics.lines().filter(|line| line.contains("openadr_polls_total{"));
        let failed = polls.filter(|line| !line.contains("result=\"ok\"") && !line.ends_with(" 0"));
        let failed = failed.map(|line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap());
        (failed.sum::<usize>() >= WAYS.len()).then_some(())
    };
    until("every poll to have failed", ended);
    let came = inner.accept().map_err(|error| error.kind());
    assert_eq!(came.unwrap_err(), std::io::ErrorKind::WouldBlock, "it asked where it was pointed");
}

/// Waits until the source says so much, in W.
fn held(api: &Api, what: &str, watts: Option<i64>) {
    until(what, || {
        (api.get(LOAD)["sources"][0]["holds"]["power_w"].as_i64() == watts).then_some(())
    });
}

fn silent(api: &Api) -> bool {
    api.get(LOAD)["sources"][0]["silent"] == true
}

fn count(metrics: &str, series: &str) -> u64 {
    let line = metrics.lines().find(|line| line.contains(series)).unwrap_or_default();
    line.rsplit(' ').next().and_then(|count| count.parse().ok()).unwrap_or(0)
}

/// Something that holds from now on.
fn event(id: &str, kind: &str, value: Value, priority: u32) -> Value {
    json!({
        "id": id, "objectType": "EVENT", "programID": "p7", "priority": priority,
        "createdDateTime": "2026-01-01T00:00:00Z",
        "modificationDateTime": "2026-01-01T00:00:00Z", "targets": ["feeder 7"],
        "intervalPeriod": { "start": "0001-01-01T00:00:00Z", "duration": "P9999Y" },
        "intervals": [{ "id": 0, "payloads": [{ "type": kind, "values": [value] }] }],
    })
}

/// What the VTN says, whatever process it is.
#[derive(Default)]
struct Said {
    events: Mutex<Vec<Value>>,
    /// The number of the token that holds.
    token: AtomicU32,
    /// How often all events were asked for.
    polls: AtomicU32,
}

impl Said {
    fn put(&self, events: Vec<Value>) {
        *self.events.lock().unwrap() = events;
    }

    fn answer(&self, asked: &Asked) -> (u16, Value) {
        let token = format!("t{}", self.token.load(Ordering::Relaxed));
        let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
        let of = |name: &str| {
            query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
        };
        let page = |all: &[Value]| {
            let number = |name, most: usize| of(name).map_or(0, |n| n.parse().unwrap()).min(most);
            let (skip, limit) = (number("skip", all.len()), number("limit", 50));
            Value::from(all[skip..].iter().take(limit).cloned().collect::<Vec<_>>())
        };
        match path {
            "/openadr3/3.1.0/auth/token" => {
                let form = "grant_type=client_credentials&client_id=busbar&client_secret=";
                if asked.method == "POST" && asked.body == format!("{form}{SECRET}") {
                    (
                        200,
                        json!({ "access_token": token, "token_type": "Bearer", "expires_in": 60 }),
                    )
                } else {
                    (401, json!({ "error": "invalid_client" }))
                }
            }
            _ if asked.token != format!("Bearer {token}") => (401, json!({ "status": 401 })),
            "/openadr3/3.1.0/programs" => {
                let other = json!({ "id": "p6", "programName": "prices" });
                (200, page(&[other, json!({ "id": "p7", "programName": "grid limits" })]))
            }
            "/openadr3/3.1.0/events" => {
                assert_eq!((of("programID"), of("targets")), (Some("p7"), Some("feeder%207")));
                self.polls.fetch_add(u32::from(of("skip") == Some("0")), Ordering::Relaxed);
                (200, page(&self.events.lock().unwrap()))
            }
            _ => (404, json!({ "status": 404, "title": path })),
        }
    }
}

/// A VTN that listens.
struct Vtn {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    listens: Option<JoinHandle<()>>,
}

struct Asked {
    method: String,
    target: String,
    token: String,
    body: String,
}

impl Vtn {
    fn start(address: SocketAddr, said: &Arc<Said>) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let (said, ends) = (Arc::clone(said), Arc::clone(&over));
        let listens = std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                serve(stream, &said);
            }
        });
        Self { address, over, listens: Some(listens) }
    }

    /// Nobody listens there any more.
    fn stop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _woken = TcpStream::connect(self.address);
        if let Some(listens) = self.listens.take() {
            listens.join().unwrap();
        }
    }
}

fn serve(mut stream: TcpStream, said: &Said) {
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let Some(asked) = read(&stream) else { return };
    let (status, body) = said.answer(&asked);
    let body = body.to_string();
    let answer = format!(
        "HTTP/1.1 {status} said\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    let _gone = stream.write_all(answer.as_bytes());
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut lines = BufReader::new(stream);
    let mut first = String::new();
    lines.read_line(&mut first).ok()?;
    let mut words = first.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut token, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        lines.read_line(&mut line).ok()?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                value.clone_into(&mut token);
            }
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().ok()?;
            }
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    lines.read_exact(&mut body).ok()?;
    Some(Asked { method, target, token, body: String::from_utf8(body).ok()? })
}
