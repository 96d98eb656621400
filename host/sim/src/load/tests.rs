//! The loader against a small server of the test's own: pool, phases and counts.

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

use super::pool::{Account, Run, Setup, Stats};
use super::scenario::{Mix, Phase, PhaseBounds};
use super::script::Kind;
use super::worker::{Word, serve};

/// A server that says yes to everything, and calls each station once.
async fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("ws://{}/ocpp", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                #[expect(clippy::result_large_err, reason = "the callback's type is given")]
                let protocol = |request: &Request, mut response: Response| {
                    let protocol = request.headers()["Sec-WebSocket-Protocol"].clone();
                    assert!(request.headers().contains_key("Authorization"));
                    response.headers_mut().insert("Sec-WebSocket-Protocol", protocol);
                    Ok(response)
                };
                let mut socket = accept_hdr_async(stream, protocol).await.expect("a handshake");
                let _ = socket.send(Message::text(r#"[2,"s-1","Reset",{"type":"Soft"}]"#)).await;
                while let Some(Ok(Message::Text(text))) = socket.next().await {
                    if let Some(id) = text.strip_prefix("[2,").and_then(|t| t.split('"').nth(1)) {
                        let answer = format!(r#"[3,"{id}",{{"transactionId":7}}]"#);
                        let _ = socket.send(Message::text(answer)).await;
                    }
                }
            });
        }
    });
    url
}

fn phase(name: &str, rate: f64, mix: Mix) -> Phase {
    Phase { name: name.to_owned(), seconds: 1.0, rate, mix, spread_s: 0.2, ..Phase::default() }
}

fn stations(numbers: std::ops::Range<usize>) -> Vec<Account> {
    let account = |index: usize| Account {
        identity: format!("LOAD-{index}"),
        version: ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"][index % 3].to_owned(),
        password: Some("a-long-enough-password".to_owned()),
    };
    numbers.map(account).collect()
}

#[tokio::test]
async fn a_worker_connects_runs_phases_and_counts() {
    let url = server().await;
    let setup = |first: usize, until| Setup {
        url: url.clone(),
        root: None,
        seed: 1,
        ramp: 1000.0,
        process: 0,
        first,
        stations: stations(first..until),
    };
    let (few, more) = (setup(0, 5), setup(5, 20));
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (reader, writer) = tokio::io::split(theirs);
    let work = serve(BufReader::new(reader), writer);
    let (reader, mut writer) = tokio::io::split(ours);
    let mut lines = BufReader::new(reader).lines();
    let drive = async move {
        let mut words = vec![Word::Connect(few), Word::Connect(more)];
        let bounds = PhaseBounds { nothing_lost: true, ..PhaseBounds::default() };
        for phase in [
            phase("paced", 200.0, Mix { status: 1, ..Mix::default() }),
            phase("closed", 0.0, Mix { charge: 1, ..Mix::default() }),
            Phase { drop: true, bounds, ..phase("storm", 0.0, Mix::default()) },
            Phase { flood: 1, slow: 1, charging: 2, ..phase("apart", 50.0, Mix::HEART) },
        ] {
            words.push(Word::Run(Box::new(Run { phase, of: 20 })));
        }
        let mut results: Vec<Stats> = Vec::new();
        for word in &words {
            let line = serde_json::to_string(word).expect("JSON") + "\n";
            writer.write_all(line.as_bytes()).await.expect("a worker");
            let line = lines.next_line().await.expect("a line").expect("a line");
            let stats: Result<Stats, String> = serde_json::from_str(&line).expect("JSON");
            results.push(stats.expect("a result"));
        }
        results
    };
    let results = tokio::select! {
        results = drive => results,
        done = work => panic!("the worker ended: {done:?}"),
    };
    let count = |index: usize, kind| {
        results[index].latencies.get(&kind).map_or(0, super::hist::Histogram::count)
    };
    assert_eq!((count(0, Kind::Connect), count(1, Kind::Connect)), (5, 15));
    assert_eq!(count(0, Kind::Status) + count(1, Kind::Status), 20 + 7, "1.6 tells two");
    assert!((150..=200).contains(&count(2, Kind::Status)), "{}", count(2, Kind::Status));
    assert!(count(3, Kind::Meter) > count(3, Kind::Start) * 3);
    assert_eq!((count(4, Kind::Back), results[4].connected), (20, 20));
    assert_eq!((results[4].told.len(), results[3].told.len()), (20, 0));
    assert!(results[5].unpaced > 100, "{}", results[5].unpaced);
    assert_eq!(count(5, Kind::Meter), 0, "who is apart is in no latency");
    assert!(results.iter().all(|stats| stats.errors == 0 && stats.timeouts == 0));
}
