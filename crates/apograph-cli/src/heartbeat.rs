//! A heartbeat: an address that is fetched after each success, so that whoever listens there misses it
//! when it does not come. The address may be a secret, and is part of no message.

use std::time::Duration;

#[cfg(feature = "heartbeat")]
use apograph_format::WithCauses;

/// How often it is fetched, at most.
pub(crate) const BEAT_EVERY: Duration = Duration::from_secs(60);

/// An address that is fetched.
#[cfg(feature = "heartbeat")]
#[derive(Debug, Clone)]
pub(crate) struct Heartbeat(reqwest::Url);

/// There is none.
#[cfg(not(feature = "heartbeat"))]
#[derive(Debug, Clone)]
pub(crate) enum Heartbeat {}

#[cfg(feature = "heartbeat")]
impl Heartbeat {
    /// How long an answer is waited for.
    const TIMEOUT: Duration = Duration::from_secs(10);

    /// The address that a text is.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "it is an address, http:// or https://".to_owned();
        let url = reqwest::Url::parse(text).map_err(|_| wrong())?;
        match url.scheme() {
            "http" | "https" => Ok(Self(url)),
            _ => Err(wrong()),
        }
    }

    /// Fetches it.
    pub(crate) fn beat(&self) -> Result<(), String> {
        let client = reqwest::blocking::Client::builder().timeout(Self::TIMEOUT);
        let answer = client
            .build()
            .and_then(|client| client.get(self.0.clone()).send())
            .and_then(reqwest::blocking::Response::error_for_status);
        match answer {
            Ok(_) => Ok(()),
            Err(error) => Err(WithCauses(&error.without_url()).to_string()),
        }
    }
}

#[cfg(not(feature = "heartbeat"))]
impl Heartbeat {
    /// Nothing can be fetched.
    pub(crate) fn parse(_text: &str) -> Result<Self, String> {
        Err("this program was built without heartbeats".to_owned())
    }

    pub(crate) fn beat(&self) -> Result<(), String> {
        match *self {}
    }
}
