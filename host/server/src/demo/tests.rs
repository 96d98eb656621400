//! The demo without its host: ports, configuration, cast.

use std::net::TcpListener;

use super::*;

fn demo(port: Option<u16>) -> Demo {
    Demo { port, ocpp_port: None, duration: None, seed: 1, keep: false }
}

#[test]
fn a_taken_port_names_the_way_out() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let error = ports(&demo(Some(port))).expect_err("it is taken");
    assert!(error.contains(&port.to_string()) && error.contains("--port"), "{error}");
}

#[test]
fn the_configuration_settles_soon_and_names_the_ports() {
    let folder = Folder::new(false).expect("a folder");
    let config = configuration(folder.path(), 18080, 18081).expect("a configuration");
    assert_eq!(config.billing.settle, Duration::from_secs(5));
    assert_eq!((config.http[0].bind.port(), config.ocpp.bind.port()), (18080, 18081));
    assert!(config.data.starts_with(folder.path()));
    let path = folder.path().to_owned();
    drop(folder);
    assert!(!path.exists());
}

#[test]
fn every_station_has_sessions_of_yesterday_to_deliver() {
    let now_ms = 1_794_816_000_000;
    let cast = network::cast(1, now_ms);
    assert_eq!(cast.actors.len(), 20);
    for actor in &cast.actors {
        let station = actor.scene.station();
        assert!(station.queued() >= 4, "{} has {}", station.spec().identity, station.queued());
        assert!(station.plugs().iter().all(|plug| plug.tx.is_none()));
    }
    let again = network::cast(1, now_ms);
    assert_eq!(cast.tokens, again.tokens);
    assert_eq!(cast.actors[7].password, again.actors[7].password);
}
