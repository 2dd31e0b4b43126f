//! What is kept of an error of an object store: nothing that could be secret.

use std::error::Error;
use std::io;
use std::iter;

use object_store::Error as ClientError;
use object_store::client::{HttpError, HttpErrorKind};

use crate::remote::RemoteError;

/// What begins the text of an answer that is no success, before its status.
const STATUS: &str = "Server returned non-2xx status code: ";
/// What stores call a bucket or a container that is not there.
const NO_BUCKET: [&str; 3] = [
    "NoSuchBucket",
    "ContainerNotFound",
    "The specified bucket does not exist",
];
/// Errors of credentials that come with a status of another kind.
const OF_CREDENTIALS: [&str; 6] = [
    "AuthorizationHeaderMalformed",
    "ExpiredToken",
    "InvalidToken",
    "RequestTimeTooSkewed",
    "TokenRefreshRequired",
    "invalid_grant",
];
/// Where a machine of the clouds is asked for credentials, once none are in the environment.
const OF_MACHINE: [&str; 2] = ["169.254.169.254", "metadata.google.internal"];

/// What an error says, without what could be secret.
pub(super) fn remote(error: &ClientError) -> RemoteError {
    let answer = Answer::of(error);
    let reason = answer.as_ref().map_or_else(|| failed(error), Answer::told);
    if is_of_bucket(error) {
        return RemoteError::NoBucket;
    }
    if asks_the_machine(error) {
        let reason = "no credentials are in the environment, and this machine has none to give";
        let reason = reason.to_owned();
        return RemoteError::Denied { reason };
    }
    match (error, &answer) {
        (ClientError::PermissionDenied { .. } | ClientError::Unauthenticated { .. }, _) => {
            RemoteError::Denied { reason }
        }
        (_, Some(answer)) if answer.is_of_credentials(error) => RemoteError::Denied { reason },
        (_, Some(answer)) if !answer.may_be_done() => RemoteError::Refused { reason },
        (ClientError::Generic { .. }, _) => RemoteError::Unreachable { reason },
        _ => RemoteError::Refused { reason },
    }
}

/// Whether what was asked for may have been done all the same.
pub(super) fn may_be_done(error: &ClientError) -> bool {
    match Answer::of(error) {
        Some(answer) => answer.may_be_done(),
        None => http(error).is_some_and(|it| it.kind() != HttpErrorKind::Connect),
    }
}

/// Whether the object is not there, in a place that is.
pub(super) fn is_missing(error: &ClientError) -> bool {
    matches!(error, ClientError::NotFound { .. }) && !is_of_bucket(error)
}

/// Whether the range that was asked for begins after the end of the object.
pub(super) fn is_after_the_end(error: &ClientError) -> bool {
    Answer::of(error).is_some_and(|answer| answer.status == 416)
        || chain(error).any(|it| it.to_string().starts_with("Wanted range starting at"))
}

/// An answer that is no success.
struct Answer {
    status: u16,
    /// The store's name of the error.
    name: Option<String>,
}

impl Answer {
    fn of(error: &ClientError) -> Option<Self> {
        chain(error).find_map(|error| {
            let text = error.to_string();
            let said = text.strip_prefix(STATUS)?;
            let status = said.get(..3)?.parse().ok()?;
            let name = between(said, "<Code>", "</Code>").filter(|name| is_name(name));
            Some(Self {
                status,
                name: name.map(str::to_owned),
            })
        })
    }

    fn told(&self) -> String {
        match &self.name {
            Some(name) => format!("status {}, {name}", self.status),
            None => format!("status {}", self.status),
        }
    }

    fn may_be_done(&self) -> bool {
        self.status >= 500 || [408, 409, 429].contains(&self.status)
    }

    fn is_of_credentials(&self, error: &ClientError) -> bool {
        let of_credentials = |text: &str| OF_CREDENTIALS.iter().any(|it| text.contains(it));
        [401, 403].contains(&self.status)
            || self.status == 400 && chain(error).any(|it| of_credentials(&it.to_string()))
    }
}

/// Why there is no answer, as the operating system or the connection says it.
fn failed(error: &ClientError) -> String {
    let system = chain(error).filter_map(|it| it.downcast_ref::<io::Error>());
    if let Some(error) = system.last() {
        return error.to_string();
    }
    let reason = match http(error).map(HttpError::kind) {
        Some(HttpErrorKind::Connect) => "no connection can be made",
        Some(HttpErrorKind::Timeout) => "no answer comes in time",
        Some(HttpErrorKind::Request | HttpErrorKind::Interrupted) => "the connection ends",
        Some(_) => "the answer ends early, or is none of such a store",
        None => "the answer is none of such a store",
    };
    reason.to_owned()
}

fn http(error: &ClientError) -> Option<&HttpError> {
    chain(error).find_map(|it| it.downcast_ref::<HttpError>())
}

fn is_of_bucket(error: &ClientError) -> bool {
    let is_meant = |text: &str| NO_BUCKET.iter().any(|it| text.contains(it));
    Answer::of(error).is_some_and(|answer| answer.status == 404)
        && chain(error).any(|it| is_meant(&it.to_string()))
}

fn asks_the_machine(error: &ClientError) -> bool {
    let is_meant = |text: &str| OF_MACHINE.iter().any(|it| text.contains(it));
    chain(error).any(|it| is_meant(&it.to_string()))
}

/// An error and its causes.
fn chain(error: &ClientError) -> impl Iterator<Item = &(dyn Error + 'static)> {
    let first: &(dyn Error + 'static) = error;
    iter::successors(Some(first), |error: &&(dyn Error + 'static)| {
        (*error).source()
    })
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(start)?;
    Some(rest.split_once(end)?.0)
}

/// Whether a text is the name of an error, and nothing else.
fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
