//! Bodies, queries and paths, right and wrong.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;

use super::{Kind, whole};

#[tokio::test]
async fn a_body_that_never_ends_is_given_up() {
    let never = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let request = Request::new(Body::from_stream(never));
    let problem = whole(request, 10, Duration::from_millis(1)).await.unwrap_err();
    assert_eq!(problem.kind(), Kind::SlowRequest);
}

#[tokio::test]
async fn a_body_that_breaks_off_or_grows_too_large_is_told_apart() {
    let broken = futures_util::stream::iter([Ok("ab"), Err(std::io::Error::other("gone"))]);
    let request = Request::new(Body::from_stream(broken));
    let problem = whole(request, 10, Duration::from_secs(9)).await.unwrap_err();
    assert_eq!(problem.kind(), Kind::BadRequest);
    let request = Request::new(Body::from("0123456789a"));
    let problem = whole(request, 10, Duration::from_secs(9)).await.unwrap_err();
    assert_eq!(problem.kind(), Kind::TooLarge);
    assert!(
        whole(Request::new(Body::from("0123456789")), 10, Duration::from_secs(9)).await.is_ok()
    );
}
