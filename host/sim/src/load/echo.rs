//! Owns a bare WebSocket echo: what a message costs at least on a machine, to hold a host's cost
//! against. Must never do more than a peer needs to go on: it checks, keeps and logs nothing.

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::accept_hdr_async_with_config;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// As much as a host reads at once: fresh memory would cost more than the message.
const READ_BUFFER: usize = 4 * 1024;

/// Answers every connection of `listener` until the process ends.
///
/// # Errors
/// The listener fails.
pub async fn echo(listener: TcpListener) -> std::io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        // Like the host's: an answer leaves at once.
        stream.set_nodelay(true)?;
        tokio::spawn(answer(stream));
    }
}

/// Answers one station until it is gone.
async fn answer(stream: TcpStream) {
    #[expect(clippy::result_large_err, reason = "the form of tungstenite's callback")]
    let choose = |request: &Request, mut response: Response| {
        if let Some(offered) = request.headers().get(SEC_WEBSOCKET_PROTOCOL) {
            response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, offered.clone());
        }
        Ok(response)
    };
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER);
    let opened = accept_hdr_async_with_config(stream, choose, Some(config)).await;
    let Ok(mut socket) = opened else { return };
    while let Some(Ok(message)) = socket.next().await {
        if let Message::Text(call) = message
            && socket.send(Message::text(answer_to(call.as_str()))).await.is_err()
        {
            return;
        }
    }
}

/// An answer that goes for a heartbeat's and a boot's.
fn answer_to(call: &str) -> String {
    let id = call.split('"').nth(1).unwrap_or_default();
    format!(
        "[3,\"{id}\",{{\"currentTime\":\"2026-01-01T00:00:00Z\",\"interval\":86400,\
         \"status\":\"Accepted\"}}]"
    )
}

#[cfg(test)]
mod tests {
    use super::answer_to;

    #[test]
    fn an_answer_bears_the_id_of_its_call() {
        let answer = answer_to(r#"[2,"a-7","Heartbeat",{}]"#);
        assert!(answer.starts_with(r#"[3,"a-7",{"#), "{answer}");
    }
}
