//! The structure of the source: which room may import which, and no circle between the files of a room.
//!
//! The table of rooms is the one in CONTRIBUTING.md.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Module path of a file below `src`, such as `controller::watch::set`, as its parts.
type Module = Vec<String>;

/// Source files by module, without tests.
fn modules() -> BTreeMap<Module, String> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut modules = BTreeMap::new();
    let mut folders = vec![src.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is_test = path.file_stem().is_some_and(|stem| stem == "tests" || stem == "testing");
            if is_test {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                modules.insert(module(path.strip_prefix(&src).unwrap()), code(&fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(modules.len() > 150, "only {} files were found", modules.len());
    modules
}

fn module(path: &Path) -> Module {
    let path: PathBuf = path.with_extension("");
    let mut parts: Module = path.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    parts
}

/// Returns the text without comments and without inline tests.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let code = code.split("#[cfg(test)]\npub(super) mod tests").next().unwrap();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    // A visibility is not an import.
    lines.collect::<Vec<_>>().join("\n").replace("(in crate::", "(in ")
}

/// Returns the modules that a file names, as far as they are files: by `use` of `crate`, `super` or `self`, and by full path.
fn imports(of: &Module, is_folder: bool, text: &str, modules: &BTreeMap<Module, String>) -> BTreeSet<Module> {
    let parent = if is_folder { of.clone() } else { of[..of.len().saturating_sub(1)].to_vec() };
    let mut found = BTreeSet::new();
    let mut add = |path: Module| {
        // The longest prefix that is a file.
        let file = (1..=path.len()).rev().map(|length| path[..length].to_vec()).find(|path| modules.contains_key(path));
        found.extend(file.filter(|file| file != of));
    };
    for statement in text.split(';').map(str::trim_start) {
        let Some(used) = statement.rsplit_once("use ").map(|(_, used)| used).filter(|_| is_use(statement)) else {
            continue;
        };
        for path in expand(used) {
            match path.first().map(String::as_str) {
                Some("crate") => add(path[1..].to_vec()),
                Some("super") => {
                    let ups = path.iter().take_while(|part| *part == "super").count();
                    let base = if is_folder { of.len() - ups } else { parent.len() + 1 - ups };
                    add([of[..base].to_vec(), path[ups..].to_vec()].concat());
                }
                Some("self") => add([parent.clone(), path[1..].to_vec()].concat()),
                Some(_) => {
                    let own = [parent.clone(), path].concat();
                    if modules.contains_key(&own[..=parent.len()]) {
                        add(own);
                    }
                }
                None => {}
            }
        }
    }
    for inline in text.split("crate::").skip(1) {
        let path =
            inline.split(|letter: char| !letter.is_alphanumeric() && letter != '_' && letter != ':').next().unwrap();
        add(path.split("::").map(str::to_owned).collect());
    }
    found
}

fn is_use(statement: &str) -> bool {
    let line = statement.rsplit('\n').find(|line| line.contains("use ")).unwrap_or_default().trim_start();
    line.starts_with("use ") || line.starts_with("pub")
}

/// Expands `a::{b, c::d}` into its paths.
fn expand(used: &str) -> Vec<Module> {
    fn go(prefix: &[String], text: &str, out: &mut Vec<Module>) {
        let text = text.trim();
        if let Some((head, rest)) = text.split_once('{') {
            let mut prefix = prefix.to_vec();
            prefix.extend(head.split("::").map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned));
            let inner = rest.rsplit_once('}').map_or(rest, |(inner, _)| inner);
            let (mut depth, mut start) = (0, 0);
            for (at, letter) in inner.char_indices().chain([(inner.len(), ',')]) {
                match letter {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        if start < at {
                            go(&prefix, &inner[start..at], out);
                        }
                        start = at + 1;
                    }
                    _ => {}
                }
            }
        } else if !text.is_empty() {
            let name = text.split(" as ").next().unwrap();
            let parts = name.split("::").map(|part| part.trim().to_owned());
            out.push(prefix.iter().cloned().chain(parts).collect());
        }
    }
    let mut out = Vec::new();
    go(&[], used, &mut out);
    out
}

/// Rooms and the rooms that each may import, from CONTRIBUTING.md.
fn table() -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("CONTRIBUTING.md")).unwrap();
    let rows = text.split("| room | may import |\n|---|---|\n").nth(1).expect("CONTRIBUTING.md has the table of rooms");
    let row = |line: &str| {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let room = cells.next().unwrap().trim_matches('`').to_owned();
        let imports = cells.next().unwrap_or_default().split(',').map(str::trim).filter(|room| !room.is_empty());
        (room, imports.map(str::to_owned).collect())
    };
    rows.lines().take_while(|line| line.starts_with('|')).map(row).collect()
}

/// Returns the room of a module: the longest row that it is in. The files `lib.rs` and `main.rs` are in none.
fn room<'a>(module: &Module, rooms: &'a BTreeMap<String, BTreeSet<String>>) -> Option<&'a String> {
    let path = module.join("/");
    let contains = |room: &&String| path == **room || path.starts_with(&format!("{room}/"));
    rooms.keys().filter(contains).max_by_key(|room| room.len())
}

fn arrows() -> Vec<(Module, Module)> {
    let modules = modules();
    let is_folder =
        |module: &Module| modules.keys().any(|other| other.len() > module.len() && other.starts_with(module));
    let of_file = |(module, text): (&Module, &String)| {
        let imported = imports(module, is_folder(module), text, &modules).into_iter();
        imported.map(|other| (module.clone(), other)).collect::<Vec<_>>()
    };
    modules.iter().flat_map(of_file).collect()
}

#[test]
fn rooms_import_only_what_the_table_in_contributing_allows() {
    let rooms = table();
    let mut used: BTreeMap<&String, BTreeSet<&String>> = BTreeMap::new();
    let mut offences = Vec::new();
    for (from, to) in arrows() {
        let (Some(of), Some(into)) = (room(&from, &rooms), room(&to, &rooms)) else { continue };
        used.entry(of).or_default().insert(into);
        if of != into && !rooms[of].contains(into) {
            offences.push(format!("{} imports {}: {of} may not import {into}", from.join("::"), to.join("::")));
        }
    }
    assert!(offences.is_empty(), "{}", offences.join("\n"));
    for (room, allowed) in &rooms {
        let used = used.get(room).cloned().unwrap_or_default();
        let unused: Vec<&String> = allowed.iter().filter(|other| !used.contains(other)).collect();
        assert!(unused.is_empty(), "{room} imports nothing of {unused:?}: remove that from the table");
    }
}

#[test]
fn the_table_has_every_room_and_no_circle() {
    let rooms = table();
    for (module, _) in modules() {
        let is_root = module.len() == 1 && ["lib", "main"].contains(&&*module[0]);
        assert!(is_root || room(&module, &rooms).is_some(), "{} is in no room of the table", module.join("::"));
    }
    let arrows = rooms.iter().flat_map(|(room, others)| others.iter().map(move |other| (room.clone(), other.clone())));
    assert_eq!(circle(&arrows.collect::<Vec<_>>()), None);
}

#[test]
fn the_files_of_a_room_import_each_other_in_no_circle() {
    let files = arrows().into_iter();
    // A folder's own file declares and exports what is in it: only arrows between other files count.
    let between = files.filter(|(from, to)| !from.starts_with(to) && !to.starts_with(from));
    let arrows: Vec<(String, String)> = between.map(|(from, to)| (from.join("::"), to.join("::"))).collect();
    assert_eq!(circle(&arrows), None);
}

/// Returns a circle of arrows, if there is one.
fn circle(arrows: &[(String, String)]) -> Option<Vec<String>> {
    let mut next: BTreeMap<&String, Vec<&String>> = BTreeMap::new();
    for (from, to) in arrows {
        next.entry(from).or_default().push(to);
    }
    let mut done = BTreeSet::new();
    for start in next.keys() {
        let mut path = vec![(*start, 0)];
        while let Some((node, at)) = path.pop() {
            let Some(other) = next.get(node).and_then(|others| others.get(at)) else {
                done.insert(node);
                continue;
            };
            path.push((node, at + 1));
            if let Some(begin) = path.iter().position(|(node, _)| node == other) {
                return Some(path[begin..].iter().map(|(node, _)| (*node).clone()).collect());
            }
            if !done.contains(other) {
                path.push((other, 0));
            }
        }
    }
    None
}

#[test]
fn a_circle_is_found() {
    let arrow = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    assert_eq!(circle(&[arrow("a", "b"), arrow("b", "c"), arrow("a", "c")]), None);
    let found = circle(&[arrow("a", "b"), arrow("b", "c"), arrow("c", "b")]).unwrap();
    assert_eq!(found, ["b", "c"]);
}
