//! Owns the words that attackers put into fields. Must never be more than a sample: what holds
//! against them is a rule, not a list.

/// Scripts, as markup, attributes and addresses.
pub(super) const SCRIPTS: [&str; 10] = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"><svg onload=alert(1)>",
    "' onmouseover='alert(1)",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "</title><script>alert(1)//",
    "<a href=javascript:alert(1)>x",
    "<style>@import'//evil.example'</style>",
    "<base href=//evil.example>",
    "{{constructor.constructor('alert(1)')()}}<b>",
];

/// Queries of several languages, and paths.
pub(super) const QUERIES: [&str; 9] = [
    "' OR '1'='1",
    "1; DROP TABLE stations; --",
    "\" UNION SELECT password_hash FROM stations --",
    "') WAITFOR DELAY '0:0:5' --",
    "{\"$gt\":\"\"}",
    "../../../etc/passwd",
    "\u{0}\u{ff}\u{ff}\u{ff}",
    "%s%s%n",
    "S1\u{0}S2",
];
