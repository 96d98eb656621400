//! A scene on a real socket, against a small server of the test's own.

use busbar_ocpp::Version;
use tokio::net::TcpListener;
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

use super::*;
use crate::spec::Spec;

/// Serves one connection: answers what a boot needs; gives what it heard. Closes after `frames`.
async fn serve(listener: &TcpListener, frames: usize) -> (String, Vec<String>) {
    let (stream, _) = listener.accept().await.expect("a connection");
    let mut login = String::new();
    #[expect(clippy::result_large_err, reason = "the callback's type is given")]
    let protocol = |request: &Request, mut response: Response| {
        let header = |name: &str| request.headers()[name].to_str().expect("text").to_owned();
        login = format!("{} {}", request.uri().path(), header("Authorization"));
        let protocol = request.headers()["Sec-WebSocket-Protocol"].clone();
        response.headers_mut().insert("Sec-WebSocket-Protocol", protocol);
        Ok(response)
    };
    let mut socket = accept_hdr_async(stream, protocol).await.expect("a handshake");
    let mut heard = Vec::new();
    while heard.len() < frames {
        let Some(Ok(Message::Text(text))) = socket.next().await else { break };
        let parts: Vec<&str> = text.as_str().split('"').collect();
        let answer = match parts[3] {
            "BootNotification" => concat!(
                r#"{"status":"Accepted","interval":300,"#,
                r#""currentTime":"2026-11-16T08:00:00Z"}"#
            ),
            _ => "{}",
        };
        let answer = format!(r#"[3,"{}",{answer}]"#, parts[1]);
        heard.push(parts[3].to_owned());
        let _ = socket.send(Message::text(answer)).await;
    }
    (login, heard)
}

#[tokio::test]
async fn a_station_boots_comes_back_and_ends_when_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("ws://{}/ocpp", listener.local_addr().expect("an address"));
    let mut spec = Spec::new("CP|1", Version::V16, 1);
    spec.backoff_ms = 20;
    let login = Login {
        identity: "CP|1".to_owned(),
        version: Version::V16,
        password: Some("sixteen-or-more!".to_owned()),
    };
    let target = Target::new(&url, None).expect("a target");
    let (apps, _asks) = mpsc::unbounded_channel();
    let (show, mut view) = watch::channel(View::default());
    let (stop, stopped) = watch::channel(false);
    let station = tokio::spawn(run(Scene::new(spec, now_ms()), target, login, apps, show, stopped));
    let (login, heard) = serve(&listener, 3).await;
    assert_eq!(login, "/ocpp/CP%7C1 Basic Q1B8MTpzaXh0ZWVuLW9yLW1vcmUh");
    assert_eq!(heard, ["BootNotification", "StatusNotification", "StatusNotification"]);
    // The server went away: the station comes back, and does not boot again.
    view.wait_for(|view| !view.online).await.expect("a view");
    let again = serve(&listener, 1);
    let wait = async {
        view.wait_for(|view| view.online).await.expect("a view");
        stop.send_replace(true);
        station.await.expect("a station")
    };
    let ((_, heard), scene) = tokio::join!(again, wait);
    assert!(heard.is_empty(), "{heard:?}");
    assert_eq!(scene.station().queued(), 0);
}
