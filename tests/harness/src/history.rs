//! The changes that etcd remembers, for watches that begin at an earlier one.

use anyhow::{Context, Result};
use kube::{Client, Config};
use serde_json::{Value, json};

/// How many changes are made before all are forgotten: a watch that has seen all but one of them is let go on.
const CHANGES: usize = 3;

/// Makes changes that nobody watches, then forgets all that happened until now. With the API server stopped, no client can
/// have seen them.
pub(crate) async fn forget(etcd_port: u16) -> Result<()> {
    let client = Client::try_from(Config::new(format!("http://127.0.0.1:{etcd_port}").parse()?))?;
    // Names and values are encoded in base64: this is `unseen`.
    let unseen = "dW5zZWVu";
    let mut revision = Value::Null;
    for _ in 0..CHANGES {
        let answer = ask(&client, "put", &json!({ "key": unseen, "value": unseen })).await?;
        revision = answer["header"]["revision"].clone();
    }
    ask(&client, "compaction", &json!({ "revision": revision })).await?;
    Ok(())
}

async fn ask(client: &Client, what: &str, body: &Value) -> Result<Value> {
    let request = http::Request::post(format!("/v3/kv/{what}")).body(serde_json::to_vec(body)?)?;
    client.request(request).await.with_context(|| format!("etcd does not answer to {what}"))
}
