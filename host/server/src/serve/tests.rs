//! The whole host in this process, over real sockets.

mod starts;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use busbar_charging::fact::Actor;
use busbar_charging::fact::network::{TariffPut, TokenPut};
use busbar_charging::fact::station::{AuthorizationStatus, Registration, StationRegistered};
use busbar_charging::ids::{IdToken, TokenKind};
use busbar_charging::input::{Precondition, Request};
use busbar_charging::row::{self, RowBody};
use busbar_charging::subject::{Key, Subject, Table};
use busbar_charging::units::{Currency, Timestamp};
use busbar_engine::store::Range;
use busbar_store::{Options, SledStore};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::*;

const PASSWORD: &str = "correct horse battery";
const PATIENCE: Duration = Duration::from_secs(30);

fn config(data: &Path) -> Config {
    let text = format!(
        "data = {:?}\n[[http]]\nbind = \"127.0.0.1:0\"\n[ocpp]\nbind = \"127.0.0.1:0\"\n",
        data.display().to_string()
    );
    Config::parse(None, &text, Vec::new()).unwrap()
}

async fn set_up(host: &Host, data: &Path) {
    let key = InstallationKey::open(data).unwrap().derive("station passwords");
    let admin = || Actor::User("test".into());
    let station = StationRegistered {
        at: Timestamp(0),
        actor: admin(),
        station: "CS1".into(),
        password_hash: Some(key.digest(PASSWORD.as_bytes()).to_hex()),
        unauthenticated: false,
        registration: Registration::Accepted,
        strict: true,
        tariff: None,
        version: 0,
    };
    let request = Request::RegisterStation(Box::new(station), Precondition::None);
    let subject = Subject::Station("CS1".into());
    host.node().ask(subject, admin(), request, PATIENCE).await.unwrap();
    let token = TokenPut {
        at: Timestamp(0),
        actor: admin(),
        token: IdToken::new(TokenKind::Iso14443, "04AABB"),
        status: AuthorizationStatus::Accepted,
        group: None,
        expires: None,
        master: false,
        concurrent: false,
        version: 0,
    };
    let request = Request::PutToken(Box::new(token), Precondition::None);
    host.node().ask(Subject::Network, admin(), request, PATIENCE).await.unwrap();
    put_tariff(host).await;
}

async fn put_tariff(host: &Host) {
    let configuration = r#"{"country_code":"DE","party_id":"BUS","id":"T","currency":"EUR",
        "elements":[{"price_components":[{"type":"ENERGY","price":0.5,"vat":20.0,"step_size":1}]}],
        "last_updated":"2026-01-01T00:00:00Z"}"#;
    let currency = Currency::parse("EUR").unwrap();
    let plugin = busbar_sandbox::FirstParty::find("pricing-ocpi").unwrap();
    let hash = busbar_sandbox::content_hash(plugin.bytes);
    let prepared = host
        .node()
        .with_plugins(move |plugins| plugins.prepare(hash, configuration, currency))
        .await
        .unwrap()
        .unwrap();
    let put = TariffPut {
        at: Timestamp(0),
        actor: Actor::Clock,
        tariff: "T".into(),
        version: 0,
        valid_from: Timestamp(0),
        currency,
        plugin: "pricing-ocpi".into(),
        plugin_hash: hash,
        configuration: configuration.into(),
        configuration_hash: prepared.1,
        prepared: prepared.0,
        default: true,
    };
    let request = Request::PutTariff(Box::new(put), Precondition::None);
    let actor = Actor::User("test".into());
    host.node().ask(Subject::Network, actor, request, PATIENCE).await.unwrap();
}

type Socket = WebSocketStream<TcpStream>;

async fn connect(host: &Host, password: &str) -> Result<Socket, String> {
    let address = host.addresses().ocpp;
    let mut request = format!("ws://{address}/ocpp/CS1").into_client_request().unwrap();
    let credentials = STANDARD.encode(format!("CS1:{password}"));
    let headers = request.headers_mut();
    headers.insert("authorization", format!("Basic {credentials}").parse().unwrap());
    headers.insert("sec-websocket-protocol", "ocpp1.6".parse().unwrap());
    let stream = TcpStream::connect(address).await.unwrap();
    match tokio_tungstenite::client_async(request, stream).await {
        Ok((socket, _)) => Ok(socket),
        Err(error) => Err(error.to_string()),
    }
}

async fn call(socket: &mut Socket, id: &str, action: &str, payload: &str) -> serde_json::Value {
    let frame = format!(r#"[2,"{id}","{action}",{payload}]"#);
    socket.send(Message::text(frame)).await.unwrap();
    loop {
        let Some(Ok(message)) = socket.next().await else { panic!("no answer to {action}") };
        let Ok(text) = message.to_text() else { continue };
        let answer: serde_json::Value = serde_json::from_str(text).unwrap();
        if answer[1] == id {
            assert_eq!(answer[0], 3, "{action} was answered {answer}");
            return answer[2].clone();
        }
    }
}

async fn cdrs(host: &Host) -> Vec<row::Cdr> {
    let range = Range {
        prefix: Key { table: Table::Cdr, path: String::new() },
        after: None,
        reverse: false,
        limit: 10,
    };
    let rows = host.node().read(move |reader| reader.page(&range)).await.unwrap();
    rows.iter().map(|(_, row)| row::Cdr::from_row(row).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_charge_is_priced_and_outlives_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let host = Host::start(&config).await.unwrap();
    set_up(&host, folder.path()).await;
    assert!(connect(&host, "wrong").await.is_err_and(|error| error.contains("401")));
    let mut socket = connect(&host, PASSWORD).await.unwrap();
    let boot = r#"{"chargePointVendor":"V","chargePointModel":"M"}"#;
    let answer = call(&mut socket, "1", "BootNotification", boot).await;
    assert_eq!(answer["status"], "Accepted");
    let start = r#"{"connectorId":1,"idTag":"04aabb","meterStart":1000,
        "timestamp":"2026-11-24T06:00:00Z"}"#;
    let answer = call(&mut socket, "2", "StartTransaction", start).await;
    assert_eq!(answer["idTagInfo"]["status"], "Accepted");
    let stop = format!(
        r#"{{"transactionId":{},"meterStop":11000,"timestamp":"2026-11-24T06:30:00Z"}}"#,
        answer["transactionId"]
    );
    call(&mut socket, "3", "StopTransaction", &stop).await;
    let mut sealed = Vec::new();
    for _ in 0..200 {
        sealed = cdrs(&host).await;
        if !sealed.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(sealed[0].sealed.totals.payable.to_string(), "6.00 EUR");
    host.stop().await;
    let (store, restored) =
        SledStore::open(&folder.path().join("store"), Options::default()).unwrap();
    assert!(!restored.facts.is_empty(), "too few for a snapshot");
    assert_eq!(restored.rows_from, restored.facts.len(), "a stop writes what waits");
    drop(store);
    let host = Host::start(&config).await.unwrap();
    assert_eq!(cdrs(&host).await, sealed);
    host.stop().await;
}

/// Below the threshold nothing begins, and what a station reports is taken all the same.
#[tokio::test(flavor = "multi_thread")]
async fn on_a_disk_that_is_nearly_full_no_session_begins() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    config.store.low_space = 1 << 50;
    let host = Host::start(&config).await.unwrap();
    set_up(&host, folder.path()).await;
    let mut socket = connect(&host, PASSWORD).await.unwrap();
    let boot = r#"{"chargePointVendor":"V","chargePointModel":"M"}"#;
    call(&mut socket, "1", "BootNotification", boot).await;
    let mut status = serde_json::Value::Null;
    for n in 0..200 {
        let id = format!("a{n}");
        let answer = call(&mut socket, &id, "Authorize", r#"{"idTag":"04AABB"}"#).await;
        status = answer["idTagInfo"]["status"].clone();
        if status != "Accepted" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(status, "Invalid");
    let start = r#"{"connectorId":1,"idTag":"04AABB","meterStart":0,
        "timestamp":"2026-11-24T06:00:00Z"}"#;
    let answer = call(&mut socket, "2", "StartTransaction", start).await;
    assert_eq!(answer["idTagInfo"]["status"], "Accepted");
    host.stop().await;
}
