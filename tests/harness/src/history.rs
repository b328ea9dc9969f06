//! Compacts the history of etcd, so that watches from an earlier resource version fail.

use anyhow::{Context, Result};
use kube::{Client, Config};
use serde_json::{Value, json};

/// The number of changes before the compaction. A watch that lacks only the latest change would still be served.
const CHANGES: usize = 3;

/// Writes changes that no client watches, then compacts the whole history. Call it while the API server is stopped: then
/// no client can have seen these changes.
pub(crate) async fn forget(etcd_port: u16) -> Result<()> {
    let client = Client::try_from(Config::new(format!("http://127.0.0.1:{etcd_port}").parse()?))?;
    // Keys and values are encoded in base64: this is `unseen`.
    let unseen = "dW5zZWVu";
    let mut revision = Value::Null;
    for _ in 0..CHANGES {
        let response = post(&client, "put", &json!({ "key": unseen, "value": unseen })).await?;
        revision = response["header"]["revision"].clone();
    }
    post(&client, "compaction", &json!({ "revision": revision })).await?;
    Ok(())
}

async fn post(client: &Client, method: &str, body: &Value) -> Result<Value> {
    let request = http::Request::post(format!("/v3/kv/{method}")).body(serde_json::to_vec(body)?)?;
    client.request(request).await.with_context(|| format!("etcd failed to handle {method}"))
}
