//! No circle of files: of two files of a crate, one alone uses the other.
//!
//! What a file names is followed through re-exports to the file that declares it. A module stands
//! on those in it or below them: that it declares them and hands on their names does not count.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::slice::from_ref;

use anyhow::Result;

use super::files::{entries, read, rust_files};
use super::findings::Findings;
use crate::metadata::Package;

/// Where the tests of a file begin, which may use whatever they test.
const TESTS: &str = "\nmod tests {";

pub(super) fn check(packages: &[Package], findings: &mut Findings) -> Result<()> {
    for package in packages {
        for root in roots(&package.folder().join("src"))? {
            let mut sources = Vec::new();
            for file in files_of(&root)? {
                let name = file.strip_prefix(&root).unwrap_or(&file);
                sources.push((module_of(name), read(&file)?));
            }
            let sources = sources.iter().map(|(name, text)| (&name[..], &text[..]));
            for circle in circles(&modules(sources)) {
                let name = &package.name;
                findings.add(format!(
                    "the files of {name} use each other in a circle, {}: move what closes it to \
                     where it belongs",
                    circle.join(" > ")
                ));
            }
        }
    }
    Ok(())
}

/// The folders of a package with a crate in each: the library, or the program, and other programs.
fn roots(sources: &Path) -> Result<Vec<PathBuf>> {
    let programs = sources.join("bin");
    let mut roots = vec![sources.to_owned()];
    if programs.is_dir() {
        roots.extend(entries(&programs)?.into_iter().filter(|it| it.is_dir()));
    }
    Ok(roots)
}

/// The files of the crate in a folder. A program beside a library is its user.
fn files_of(root: &Path) -> Result<Vec<PathBuf>> {
    let is_library = root.join("lib.rs").is_file();
    let mut files = rust_files(root)?;
    files.retain(|file| {
        let is_program = is_library && *file == root.join("main.rs");
        !is_program && !file.starts_with(root.join("bin"))
    });
    Ok(files)
}

/// The modules of a crate by their paths from its root on, which is the empty one itself.
type Modules = BTreeMap<String, Module>;

/// A file, as a module.
#[derive(Debug, Default)]
struct Module {
    /// What it imports, by the name that it has there.
    names: BTreeMap<String, String>,
    /// Every path that it names.
    paths: BTreeSet<String>,
    /// Those that it hands on.
    exports: BTreeSet<String>,
}

fn modules<'a>(sources: impl Iterator<Item = (&'a str, &'a str)>) -> Modules {
    let modules = sources.map(|(name, text)| (name.to_owned(), Module::of(text)));
    modules.collect()
}

/// The module that a file is, by its path from the root of the crate on.
fn module_of(file: &Path) -> String {
    let file = file.with_extension("");
    let parts = file.iter().map(|part| part.to_string_lossy());
    let mut parts: Vec<_> = parts.collect();
    if let Some("mod" | "lib" | "main") = parts.last().map(AsRef::as_ref) {
        parts.pop();
    }
    parts.join("::")
}

impl Module {
    fn of(text: &str) -> Self {
        let text = text.split(TESTS).next().unwrap_or_default();
        let lines = text
            .lines()
            .map(|line| line.split("//").next().unwrap_or_default());
        let code = lines.collect::<Vec<_>>().join("\n");
        let mut module = Self::default();
        for statement in code.split_inclusive(';') {
            let code = match imported(statement) {
                Some(import) => {
                    module.import(&import);
                    import.before
                }
                None => statement,
            };
            module.paths.extend(named(code).map(str::to_owned));
        }
        module
    }

    fn import(&mut self, import: &Import<'_>) {
        let tree = import.tree.split_whitespace().collect::<Vec<_>>().join(" ");
        for path in leaves(&tree) {
            let (path, name) = match path.split_once(" as ") {
                Some((path, name)) => (path.to_owned(), Some(name.to_owned())),
                None => (path.clone(), last_of(&path).map(str::to_owned)),
            };
            if let Some(name) = name {
                self.names.insert(name, path.clone());
            }
            if import.is_handed_on {
                self.exports.insert(path);
            } else {
                self.paths.insert(path);
            }
        }
    }
}

/// An import, be it one that hands names on.
struct Import<'a> {
    /// What stands before it.
    before: &'a str,
    tree: &'a str,
    is_handed_on: bool,
}

fn imported(statement: &str) -> Option<Import<'_>> {
    let (before, tree) = statement.strip_suffix(';')?.rsplit_once("use ")?;
    let line = before.rsplit('\n').next().unwrap_or_default().trim();
    let is_handed_on = line.starts_with("pub");
    (line.is_empty() || is_handed_on).then_some(Import {
        before,
        tree,
        is_handed_on,
    })
}

/// The paths in a tree of imports, `a::{b, c::{d, e as f}}`.
fn leaves(tree: &str) -> Vec<String> {
    let Some((front, inner)) = tree.split_once('{') else {
        let path = tree.trim();
        return vec![path.strip_suffix("::self").unwrap_or(path).to_owned()];
    };
    let inner = inner.trim_end().strip_suffix('}').unwrap_or(inner);
    let (mut depth, mut start, mut branches) = (0_usize, 0, Vec::new());
    for (place, letter) in inner.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                branches.push(&inner[start..place]);
                start = place + 1;
            }
            _ => {}
        }
    }
    branches.push(&inner[start..]);
    let branches = branches.iter().filter(|branch| !branch.trim().is_empty());
    let paths = branches.map(|branch| format!("{}{}", front.trim(), branch.trim()));
    paths.flat_map(|path| leaves(&path)).collect()
}

/// The paths of more than one name in a piece of code.
fn named(code: &str) -> impl Iterator<Item = &str> {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
    let words = code.split(move |letter| !is_part(letter));
    let paths = words.map(|word| word.trim_matches(':'));
    paths.filter(|word| word.contains("::"))
}

/// The module whose file declares what a path in another one names; none outside of the crate.
fn declared_in(modules: &Modules, module: &str, path: &str) -> Option<String> {
    let mut place = module.to_owned();
    let mut names = path.split("::").filter(|name| *name != "*").peekable();
    let is_from_root = names.next_if_eq(&"crate").is_some();
    let is_from_here = names.next_if_eq(&"self").is_some();
    let is_relative = !is_from_root && !is_from_here && names.peek() != Some(&"super");
    if is_from_root {
        place.clear();
    }
    while names.next_if_eq(&"super").is_some() {
        parent(&place.clone()).clone_into(&mut place);
    }
    let mut is_found = !is_relative;
    while let Some(name) = names.peek() {
        let inner = join(&place, name);
        if !modules.contains_key(&inner) {
            break;
        }
        place = inner;
        is_found = true;
        names.next();
    }
    let Some(name) = names.next() else {
        return Some(place);
    };
    match modules.get(&place)?.names.get(name) {
        // A crate of that name.
        Some(meant) if meant.split("::").next() == Some(name) => None,
        Some(meant) => {
            let meant = names.fold(meant.clone(), |path, name| join(&path, name));
            declared_in(modules, &place, &meant)
        }
        None => is_found.then_some(place),
    }
}

fn join(module: &str, name: &str) -> String {
    if module.is_empty() {
        return name.to_owned();
    }
    format!("{module}::{name}")
}

fn parent(module: &str) -> &str {
    module.rsplit_once("::").map_or("", |(parent, _)| parent)
}

fn last_of(path: &str) -> Option<&str> {
    path.rsplit("::").next().filter(|name| *name != "*")
}

/// Whether a module is another one, or in it.
fn is_in(module: &str, outer: &str) -> bool {
    let rest = module.strip_prefix(outer);
    outer.is_empty() || rest.is_some_and(|it| it.is_empty() || it.starts_with("::"))
}

/// The modules whose files each module uses.
type Graph<'a> = BTreeMap<&'a str, BTreeSet<String>>;

/// For each circle, its modules, each with one after it that it uses.
fn circles(modules: &Modules) -> Vec<Vec<String>> {
    let mut graph = Graph::new();
    for (name, module) in modules {
        let files = |paths: &BTreeSet<String>| -> BTreeSet<_> {
            let paths = paths.iter();
            let files = paths.filter_map(|path| declared_in(modules, name, path));
            files.collect()
        };
        let mut used = files(&module.paths);
        used.extend(
            files(&module.exports)
                .into_iter()
                .filter(|it| !is_in(it, name)),
        );
        used.remove(name);
        graph.insert(name, used);
    }
    let mut found = Vec::new();
    let mut told = BTreeSet::new();
    for name in modules.keys() {
        if let Some(circle) = shortest_circle(&graph, name)
            && told.insert(circle.iter().cloned().collect::<BTreeSet<_>>())
        {
            found.push(circle);
        }
    }
    found
}

/// The shortest way from a module back to itself.
fn shortest_circle(graph: &Graph<'_>, from: &str) -> Option<Vec<String>> {
    let mut seen = BTreeSet::new();
    let mut ways = VecDeque::from([vec![from.to_owned()]]);
    while let Some(way) = ways.pop_front() {
        let nexts = way.last().and_then(|last| graph.get(&last[..]));
        for next in nexts.into_iter().flatten() {
            if next == from {
                return Some(way);
            }
            if seen.insert(next) {
                ways.push_back([&way[..], from_ref(next)].concat());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sources: &[(&str, &str)], expected: &[&[&str]]) {
        let found = circles(&modules(sources.iter().copied()));
        assert_eq!(found, expected, "{sources:?}");
    }

    #[test]
    fn two_files_that_use_each_other_are_found() {
        let low = ("low", "use crate::high::High;\npub struct Low;\n");
        let high = ("high", "use super::{low::Low, other};\npub struct High;\n");
        check(&[low, high], &[&["high", "low"]]);
        let quiet = (
            "low",
            "/// See [`High`](crate::high::High).\npub struct Low;\n",
        );
        check(&[quiet, high], &[]);
        let inline = ("low", "pub fn low() -> u8 {\n    crate::high::high()\n}\n");
        check(&[inline, high], &[&["high", "low"]]);
        let tested = (
            "low",
            "pub struct Low;\n#[cfg(test)]\nmod tests {\n    use crate::high::High;\n}\n",
        );
        check(&[tested, high], &[]);
    }

    #[test]
    fn a_longer_circle_is_found_once_and_its_way_is_told() {
        let sources = [
            ("a", "use crate::b::B;"),
            ("b", "use crate::{\n    a::A as Other,\n    c::C,\n};\n"),
            ("c", "use std::io;\nuse crate::d;\n"),
            ("d", "use crate::b;"),
            ("e", "use crate::a::A;"),
        ];
        check(&sources, &[&["a", "b"], &["c", "d", "b"]]);
    }

    #[test]
    fn a_re_export_hides_nothing() {
        let sources = [
            (
                "",
                "mod low;\nmod high;\npub use high::High;\npub use low::Low;\n",
            ),
            ("low", "use crate::High;"),
            ("high", "pub(crate) use crate::{Low, io::IoError};"),
        ];
        check(&sources, &[&["high", "low"]]);
        let sources = [
            ("v1", "mod frame;\npub use frame::{Frame, FRAME_BYTES};\n"),
            ("v1::frame", "use crate::segment::Segment;"),
            (
                "segment",
                "use crate::{v1, words};\nfn f() -> v1::Frame { v1::FRAME }\n",
            ),
        ];
        check(&sources, &[&["segment", "v1::frame"]]);
    }

    #[test]
    fn a_module_stands_on_those_in_it_or_below_them() {
        let inner = (
            "a::inner",
            "use super::Outer;\nuse super::super::a::Other;\n",
        );
        let user = ("b", "use crate::a::told;");
        let below = ("a", "mod inner;\npub use self::inner::told;\n");
        check(&[below, inner, user], &[]);
        let both = (
            "a",
            "mod inner;\nuse self::inner::Inner;\npub use inner::told;\n",
        );
        check(&[both, inner, user], &[&["a", "a::inner"]]);
        let calls = ("a", "mod inner;\nfn f() {\n    inner::told();\n}\n");
        check(&[calls, inner, user], &[&["a", "a::inner"]]);
        let alone = ("a::inner", "pub fn told() {}\n");
        check(&[both, alone, user], &[]);
        let program = ("", "mod a;\nstruct Told;\nfn main() {\n    a::run();\n}\n");
        check(&[program, ("a", "use crate::Told;")], &[&["", "a"]]);
    }

    #[test]
    fn a_file_is_the_module_of_its_path() {
        let modules = ["lib.rs", "a.rs", "a/b.rs", "c/mod.rs"];
        let modules = modules.map(|file| module_of(Path::new(file)));
        assert_eq!(modules, ["", "a", "a::b", "c"]);
    }

    #[test]
    fn trees_of_imports_have_leaves() {
        let found = leaves("a::{self, b, c::{d as e, f::*}, }");
        assert_eq!(found, ["a", "a::b", "a::c::d as e", "a::c::f::*"]);
    }
}
