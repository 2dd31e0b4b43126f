//! Databases, each with an engine of its own.

use std::fs;

use serde_json::Value;

use super::World;
use crate::disk;
use crate::driver::{Engine, EngineError};
use crate::generation::EngineGeneration;
use crate::protocol::OpenOptions;

impl World {
    /// How a database is opened from now on.
    pub fn set_options(&mut self, name: &str, options: OpenOptions) {
        self.judged.spills_vectors |= options.spills_vectors;
        self.known(name).options = options;
    }

    /// Whether an engine has the database open.
    pub fn is_open(&mut self, name: &str) -> bool {
        self.known(name).is_open
    }

    /// Opens a database.
    pub fn open(&mut self, name: &str) {
        self.try_open(name)
            .unwrap_or_else(|error| panic!("{name} cannot be opened: {error}"));
    }

    /// Opens a database, where the engine does not refuse it.
    ///
    /// # Errors
    ///
    /// What the engine says.
    pub fn try_open(&mut self, name: &str) -> Result<(), EngineError> {
        if self.is_open(name) {
            return Ok(());
        }
        let (driver, surroundings) = (self.tools.driver.clone(), self.surroundings.clone());
        let generation = self.generation();
        let database = self.known(name);
        let folder = database.path.parent().expect("it lies in a folder");
        let folder = folder.to_owned();
        if !folder.is_dir() {
            fs::create_dir_all(&folder).expect("a folder can be created");
            self.hand_over(&folder);
        }
        let database = self.known(name);
        let options = database.options;
        let path = database.path.clone();
        let engine = database
            .engine
            .get_or_insert_with(|| Engine::start_within(&driver, &surroundings));
        engine.open_with(&path, options)?;
        database.is_open = true;
        database.is_compacted = false;
        let (epoch, content) = self.look(name)?;
        let database = self.known(name);
        let before = database.history.clone();
        database.history.reopen(generation, epoch, content);
        self.past.push(before);
        Ok(())
    }

    /// The engine that has the database open.
    pub fn engine(&mut self, name: &str) -> &mut Engine {
        let database = self.known(name);
        assert!(database.is_open, "{name} is not open");
        database.engine.as_mut().expect("an open database has one")
    }

    /// Writes down how the database is now.
    pub fn observe(&mut self, name: &str) {
        let (epoch, content) = self.look(name).expect("an open database");
        self.known(name).history.note(epoch, content);
    }

    /// The epoch and the content. What was moved out of the database is a part of it, and its
    /// engine does not show that.
    fn look(&mut self, name: &str) -> Result<(u64, Value), EngineError> {
        let epoch = self.engine(name).epoch()?;
        if !self.known(name).options.spills_vectors {
            return Ok((epoch, self.engine(name).content()?));
        }
        Ok((epoch, self.content_of_copy(name)?))
    }

    fn content_of_copy(&mut self, name: &str) -> Result<Value, EngineError> {
        let database = self.database(name);
        let copy = self.plain_copy(&database);
        let dump = self.dump(&copy);
        disk::remove_database(&copy);
        Ok(dump?.content)
    }

    /// Runs statements; one that fails is a part of the life, too.
    pub fn run(&mut self, name: &str, op: &str) {
        match self.engine(name).run(op) {
            Ok(_) | Err(EngineError::Refused { .. }) => self.observe(name),
            Err(error) => panic!("{op}: {error}"),
        }
    }

    /// Inserts nodes, each in a transaction of its own.
    pub fn insert(&mut self, name: &str, numbers: std::ops::Range<u64>) {
        for number in numbers {
            self.run(name, &format!("INSERT (:R {{i:{number}}})"));
        }
    }

    /// Writes a checkpoint.
    pub fn checkpoint(&mut self, name: &str) {
        self.engine(name).checkpoint().expect("a checkpoint");
    }

    /// Brings the database into its compact form, where the engine does not refuse.
    pub fn compact(&mut self, name: &str) {
        if self.engine(name).compact().is_ok() {
            let database = self.known(name);
            database.is_mixed = true;
            database.is_compacted = true;
        }
        self.observe(name);
    }

    /// Closes the database in order.
    pub fn close(&mut self, name: &str) {
        if self.is_open(name) {
            let keeps_log = self.generation() == EngineGeneration::Two || self.has_folders();
            let epoch = self.engine(name).epoch().expect("an epoch");
            self.engine(name).close().expect("a close");
            let database = self.known(name);
            database.is_open = false;
            // Its files may have been mixed, and are now what the engine made of them.
            if database.options.spills_vectors {
                let content = self.content_of_copy(name).expect("a closed database");
                self.known(name).history.note(epoch, content);
            }
            let database = self.known(name);
            // All that lies there now was written by this process, if its log is gone.
            database.is_mixed &= keeps_log || database.is_compacted;
        }
    }

    /// Kills the engine.
    pub fn kill(&mut self, name: &str) {
        let database = self.known(name);
        database.engine = None;
        database.is_open = false;
    }

    /// Kills the engine, if it is not dead, and opens the database again.
    pub fn crash(&mut self, name: &str) {
        self.kill(name);
        self.open(name);
    }

    /// Kills the engine, and cuts bytes off the newest log file.
    pub fn tear(&mut self, name: &str, bytes: u64) {
        self.kill(name);
        let database = self.database(name);
        disk::tear_tail(&database, bytes).expect("a log file can be cut");
    }
}
