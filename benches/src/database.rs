//! Database files to begin with.

use std::fs;
use std::path::Path;

use apograph_format::Generation;
use grafeo_common::types::Value;
use grafeo_engine::GrafeoDB;

use crate::{Result, v2};

/// Bytes of the property of each node.
const VALUE_BYTES: usize = 4 << 10;

/// Makes a database file as it is while the engine has it open, before its first checkpoint.
pub(crate) fn create_empty(path: &Path, generation: Generation) -> Result<()> {
    match generation {
        Generation::One => {
            let model = path.with_file_name("model.grafeo");
            let engine = GrafeoDB::open(&model)?;
            fs::copy(&model, path)?;
            engine.close()?;
            fs::remove_file(&model)?;
        }
        Generation::Two => {
            fs::copy(v2::empty_database(), path)?;
        }
    }
    Ok(())
}

/// Makes a database of generation 1 with nodes of so many bytes together, and leaves it open, with
/// an image of all of them in its file.
pub(crate) fn create_filled(path: &Path, bytes: u64) -> Result<GrafeoDB> {
    let engine = GrafeoDB::open(path)?;
    let mut random = Random(bytes);
    for _ in 0..bytes / VALUE_BYTES as u64 {
        let text: Value = random.text(VALUE_BYTES).into();
        engine.create_node_with_props(&["Measurement"], [("text", text)])?;
    }
    engine.wal_checkpoint()?;
    Ok(engine)
}

/// The same letters every time, of which no two nodes have the same.
struct Random(u64);

impl Random {
    fn text(&mut self, bytes: usize) -> String {
        let letter = |_| {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let [.., high] = self.0.to_le_bytes();
            char::from(b'a' + high % 26)
        };
        (0..bytes).map(letter).collect()
    }
}
