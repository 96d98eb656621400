//! Owns nothing: the end-to-end tests are the one binary `it`.
