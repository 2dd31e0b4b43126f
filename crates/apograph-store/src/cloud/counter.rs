//! Counting at the line, below what repeats requests.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};

use crate::traffic::Traffic;

/// What all connections of a store count into.
#[derive(Debug, Clone, Default)]
pub(super) struct Counter {
    traffic: Arc<Mutex<Traffic>>,
}

impl Counter {
    pub(super) fn traffic(&self) -> Traffic {
        *self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, add: impl FnOnce(&mut Traffic)) {
        add(&mut self.traffic.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl HttpConnector for Counter {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Counted {
            client: ReqwestConnector::default().connect(options)?,
            counter: self.clone(),
        }))
    }
}

/// A connection that counts.
#[derive(Debug)]
struct Counted {
    client: HttpClient,
    counter: Counter,
}

#[async_trait]
impl HttpService for Counted {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let query = request.uri().query().unwrap_or_default();
        // S3 and Azure say what is listed below a prefix, Google what is matched in a bucket.
        let is_list = ["list-type=", "comp=list", "prefix="];
        let is_list = is_list.iter().any(|word| query.contains(word));
        let method = request.method().as_str();
        let sent = request.body().content_length() as u64;
        self.counter.count(|traffic| {
            traffic.sent_bytes += sent;
            let count = match method {
                "GET" if is_list => &mut traffic.lists,
                "GET" => &mut traffic.gets,
                "HEAD" => &mut traffic.heads,
                "DELETE" => &mut traffic.deletes,
                "POST" => &mut traffic.posts,
                _ => &mut traffic.puts,
            };
            *count += 1;
        });
        let is_head = method == "HEAD";
        let response = self.client.execute(request).await?;
        let length = response.headers().get("content-length");
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        if !is_head {
            let received: u64 = length.unwrap_or_default();
            self.counter
                .count(|traffic| traffic.received_bytes += received);
        }
        Ok(response)
    }
}
