//! Puts the bugs of one file into its text, each behind the question whether it is the one to run
//! with.
//!
//! ```text
//!  an expression    Release                (if seeded(3) { Relaxed } else { Release })
//!  a statement      fence(SeqCst);         if seeded(4) {  } else { fence(SeqCst); }
//! ```
//!
//! Bugs of one place share it (`if .. {} else if .. {} else {}`), and a place may lie within a
//! larger one. A `let` is no place, since what it declares would end with the block: the author of
//! the bug names its initialiser instead.

use super::Result;
use super::list::Bug;

/// A part of the text, and the bugs that change just this part.
struct Place<'a> {
    start: usize,
    end: usize,
    bugs: Vec<&'a Bug>,
}

/// The text with all of these bugs in it. Those that are `alone` are looked for, but left out.
pub fn wrap(file: &str, text: &str, bugs: &[&Bug]) -> Result<String> {
    let mut places: Vec<Place> = Vec::new();
    for bug in bugs {
        let (start, end) = place(file, text, bug)?;
        if bug.alone {
            continue;
        }
        well_formed(bug, &text[..start])?;
        match places.iter_mut().find(|place| (place.start, place.end) == (start, end)) {
            Some(place) => place.bugs.push(bug),
            None => places.push(Place { start, end, bugs: vec![bug] }),
        }
    }
    places.sort_by_key(|place| (place.start, std::cmp::Reverse(place.end)));
    for (at, outer) in places.iter().enumerate() {
        let crossing = |inner: &&Place| inner.start < outer.end && inner.end > outer.end;
        if let Some(inner) = places[at + 1..].iter().find(crossing) {
            let (one, other) = (&outer.bugs[0].name, &inner.bugs[0].name);
            return Err(format!("{one} and {other}: their places in {file} overlap").into());
        }
    }
    let seeded = if file.starts_with("sync/") { "crate" } else { "windlass_sync" };
    Ok(render(text, 0, text.len(), &places, seeded))
}

/// The text with this bug in it and no other.
pub fn replace(file: &str, text: &str, bug: &Bug) -> Result<String> {
    let (start, end) = place(file, text, bug)?;
    Ok([&text[..start], &bug.replace, &text[end..]].concat())
}

/// Where the bug is: the one occurrence of what it finds, or the one it chooses.
fn place(file: &str, text: &str, bug: &Bug) -> Result<(usize, usize)> {
    let (name, find) = (&bug.name, &bug.find);
    if find.is_empty() {
        return Err(format!("{name}: `find` is empty").into());
    }
    let found: Vec<usize> = text.match_indices(find).map(|(at, _)| at).collect();
    let start = match (bug.nth, &found[..]) {
        (_, []) => return Err(format!("{name}: {file} has no `{find}`").into()),
        (None, [start]) => *start,
        (None, _) => {
            let lines: Vec<String> = found
                .iter()
                .map(|at| (text[..*at].matches('\n').count() + 1).to_string())
                .collect();
            let (count, lines) = (found.len(), lines.join(", "));
            return Err(format!(
                "{name}: {file} has {count} times `{find}`, in lines {lines}; choose with `nth`"
            )
            .into());
        }
        (Some(nth), _) => *nth.checked_sub(1).and_then(|nth| found.get(nth)).ok_or_else(|| {
            format!("{name}: {file} has {} times `{find}`, but nth = {nth}", found.len())
        })?,
    };
    Ok((start, start + find.len()))
}

/// Says no to what is known not to build, in words that tell the cure.
fn well_formed(bug: &Bug, before: &str) -> Result<()> {
    let name = &bug.name;
    if before.ends_with('.') {
        return Err(format!("{name}: a method alone cannot be wrapped, begin at its object").into());
    }
    if bug.find.starts_with("let ") {
        return Err(format!("{name}: a `let` cannot be wrapped, name its initialiser").into());
    }
    if bug.replace.is_empty() && !is_statement(&bug.find) {
        return Err(format!("{name}: an expression cannot be replaced by nothing").into());
    }
    if bug.replace == bug.find {
        return Err(format!("{name}: `replace` is what is there already").into());
    }
    Ok(())
}

fn is_statement(find: &str) -> bool {
    find.ends_with([';', '}'])
}

/// The text from `start` to `end`, with the places wrapped that begin there; they are sorted, and
/// each lies within the one before it or after it.
fn render(text: &str, start: usize, end: usize, places: &[Place], seeded: &str) -> String {
    let mut out = String::new();
    let mut at = start;
    let mut rest = places;
    while let Some((outer, after)) = rest.split_first() {
        let within = after.iter().take_while(|inner| inner.start < outer.end).count();
        let (inner, next) = after.split_at(within);
        out.push_str(&text[at..outer.start]);
        let right = render(text, outer.start, outer.end, inner, seeded);
        let wrong = outer.bugs.iter().map(|bug| {
            format!("if {seeded}::shim::seeded({}) {{ {} }} else ", bug.number, bug.replace)
        });
        let whole = wrong.collect::<String>() + "{ " + &right + " }";
        let bare = is_statement(&text[outer.start..outer.end]);
        out.push_str(&if bare { whole } else { format!("({whole})") });
        at = outer.end;
        rest = next;
    }
    out.push_str(&text[at..end]);
    out
}

#[cfg(test)]
mod tests;
