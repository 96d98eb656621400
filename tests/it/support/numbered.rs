//! Owns which tests bear a number in their name: `pitfall_008_...`, `pitfall_010_011_...`,
//! `pitfall_060_to_070_...`. Must never count a number that stands anywhere else.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// The numbers of so many digits in the names of tests that begin with `prefix` and `_`.
pub(crate) fn numbered(prefix: &str, digits: usize) -> BTreeSet<u32> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let begin = format!("fn {prefix}_");
    let listed = Command::new("git")
        .args(["grep", "--untracked", "-hoE", &format!("{begin}[0-9a-z_]+"), "--", "*.rs"])
        .current_dir(root)
        .output()
        .unwrap();
    let names = String::from_utf8(listed.stdout).unwrap();
    let number = |part: &str| (part.len() == digits).then(|| part.parse().ok()).flatten();
    let mut points = BTreeSet::new();
    for name in names.lines().filter_map(|line| line.strip_prefix(&begin)) {
        let mut last = None;
        let mut parts = name.split('_').peekable();
        while let Some(part) = parts.next() {
            if let Some(point) = number(part) {
                points.insert(point);
                last = Some(point);
            } else if part == "to"
                && let (Some(first), Some(end)) = (last, parts.peek().and_then(|next| number(next)))
            {
                points.extend(first..=end);
            } else {
                break;
            }
        }
    }
    points
}
