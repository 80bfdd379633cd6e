//! HTTP for `instant-acme`, by the client that push services are asked with.

use crate::push::client::Client;
use crate::push::reach::Trust;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Request, Response};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

pub(super) struct Http(pub(super) Arc<Client>);

type Answering = Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>>;

impl HttpClient for Http {
    fn request(&self, request: Request<BodyWrapper<Bytes>>) -> Answering {
        let client = self.0.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            let answer = client.send(Trust::Own, Request::from_parts(head, Full::new(body))).await;
            let answer = answer.map_err(|why| Error::Other(why.into()))?;
            let mut response = Response::builder().status(answer.status).body(())?;
            *response.headers_mut() = answer.headers;
            let (parts, ()) = response.into_parts();
            Ok(BytesResponse { parts, body: Box::new(answer.body) })
        })
    }
}
