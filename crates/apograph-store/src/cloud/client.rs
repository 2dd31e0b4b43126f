//! Finding an object store by its address and the environment.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::list::PaginatedListStore;
use object_store::multipart::MultipartStore;
use object_store::{BackoffConfig, ClientOptions, Error as ClientError, ObjectStore, RetryConfig};

use super::counter::Counter;
use crate::name::is_part;
use crate::remote::{RETRIES, RETRY_SECONDS, RemoteError};

/// What is asked of the library.
pub(super) trait Client: ObjectStore + MultipartStore + PaginatedListStore {}

impl<T: ObjectStore + MultipartStore + PaginatedListStore> Client for T {}

/// A request with its answer takes at most so long: a part of an upload with it, over a slow line.
const TIMEOUT: Duration = Duration::from_secs(120);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long is waited before a request is repeated.
const BACKOFF: BackoffConfig = BackoffConfig {
    init_backoff: Duration::from_millis(100),
    max_backoff: Duration::from_secs(5),
    base: 2.0,
};
/// At most so many bytes are in a prefix: with the longest name it stays within every store's limit.
const MOST_OF_PREFIX: usize = 384;

/// Whose store it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cloud {
    S3,
    Gcs,
    Azure,
}

/// What an address says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    cloud: Cloud,
    bucket: String,
    /// The folder of the objects in the bucket, without a slash at its ends.
    pub(super) prefix: String,
}

impl Address {
    /// Reads `s3://bucket/prefix` and its like. What cannot be read is not repeated: it could have
    /// a key in it.
    pub(super) fn parse(text: &str) -> Result<Self, RemoteError> {
        Self::find(text).ok_or_else(|| RemoteError::Settings {
            reason: "an object store is named by s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or \
                     az://CONTAINER/PREFIX: letters, digits, `.`, `_` and `-` between slashes, \
                     and no credentials"
                .to_owned(),
        })
    }

    fn find(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let cloud = match scheme {
            "s3" => Cloud::S3,
            "gs" => Cloud::Gcs,
            "az" => Cloud::Azure,
            _ => return None,
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let is_prefix = prefix.is_empty() || prefix.split('/').all(is_part);
        let is_found = is_part(bucket) && is_prefix && prefix.len() <= MOST_OF_PREFIX;
        is_found.then(|| Self {
            cloud,
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
        })
    }

    /// As it is written.
    pub(super) fn text(&self) -> String {
        let scheme = match self.cloud {
            Cloud::S3 => "s3",
            Cloud::Gcs => "gs",
            Cloud::Azure => "az",
        };
        let slash = if self.prefix.is_empty() { "" } else { "/" };
        format!("{scheme}://{}{slash}{}", self.bucket, self.prefix)
    }

    /// The store, with the settings that are for it. What goes over the line is counted.
    pub(super) fn client(
        &self,
        settings: &[(String, String)],
        counter: &Counter,
    ) -> Result<Arc<dyn Client>, RemoteError> {
        let built = match self.cloud {
            Cloud::S3 => self.s3(settings, counter),
            Cloud::Gcs => self.gcs(settings, counter),
            Cloud::Azure => self.azure(settings, counter),
        };
        built.map_err(|error| RemoteError::Settings {
            reason: without_values(&error.to_string(), settings),
        })
    }

    fn s3(
        &self,
        settings: &[(String, String)],
        counter: &Counter,
    ) -> Result<Arc<dyn Client>, ClientError> {
        let builder = AmazonS3Builder::new()
            .with_client_options(options())
            .with_http_connector(counter.clone())
            .with_retry(retry())
            .with_disable_bulk_delete(true);
        let builder = known::<AmazonS3ConfigKey>(settings, "AWS_")
            .fold(builder, |builder, (key, value)| {
                builder.with_config(key, value)
            });
        let builder = builder
            .with_bucket_name(&self.bucket)
            .with_conditional_put(S3ConditionalPut::ETagMatch);
        Ok(Arc::new(builder.build()?))
    }

    fn gcs(
        &self,
        settings: &[(String, String)],
        counter: &Counter,
    ) -> Result<Arc<dyn Client>, ClientError> {
        let builder = GoogleCloudStorageBuilder::new()
            .with_client_options(options())
            .with_http_connector(counter.clone())
            .with_retry(retry());
        let builder = known::<GoogleConfigKey>(settings, "GOOGLE_")
            .fold(builder, |builder, (key, value)| {
                builder.with_config(key, value)
            });
        Ok(Arc::new(builder.with_bucket_name(&self.bucket).build()?))
    }

    fn azure(
        &self,
        settings: &[(String, String)],
        counter: &Counter,
    ) -> Result<Arc<dyn Client>, ClientError> {
        let builder = MicrosoftAzureBuilder::new()
            .with_client_options(options())
            .with_http_connector(counter.clone())
            .with_retry(retry());
        let builder = known::<AzureConfigKey>(settings, "AZURE_")
            .fold(builder, |builder, (key, value)| {
                builder.with_config(key, value)
            });
        Ok(Arc::new(builder.with_container_name(&self.bucket).build()?))
    }
}

/// The settings of one cloud that its client knows.
fn known<'s, K: FromStr>(
    settings: &'s [(String, String)],
    front: &'static str,
) -> impl Iterator<Item = (K, &'s str)> {
    let own = settings
        .iter()
        .filter(move |(name, _)| name.starts_with(front));
    own.filter_map(|(name, value)| {
        let key = name.to_ascii_lowercase().parse().ok()?;
        Some((key, value.as_str()))
    })
}

fn options() -> ClientOptions {
    ClientOptions::new()
        .with_timeout(TIMEOUT)
        .with_connect_timeout(CONNECT_TIMEOUT)
}

fn retry() -> RetryConfig {
    RetryConfig {
        backoff: BACKOFF,
        max_retries: RETRIES,
        retry_timeout: Duration::from_secs(RETRY_SECONDS),
    }
}

/// What the library says of settings, unless it repeats one of them.
fn without_values(text: &str, settings: &[(String, String)]) -> String {
    let mut values = settings.iter().map(|(_, value)| value.as_str());
    if values.any(|value| value.len() > 3 && text.contains(value)) {
        "a setting in the environment cannot be understood".to_owned()
    } else {
        text.to_owned()
    }
}
