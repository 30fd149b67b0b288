//! A web service that checks an uploaded video in memory and forwards it to the platform if it
//! passes. POST the bytes to `/videos/NAME`. The API key comes from the environment.
#![allow(clippy::print_stdout, reason = "the address is printed")]

use std::{error::Error, sync::Arc};

use axum::{Router, body::Bytes, extract, http::StatusCode, routing::post};
use tl_client::Client;
use tl_client::validate::{Route, Target, validate_bytes};

type Reply = Result<(StatusCode, String), (StatusCode, String)>;

async fn upload(
    extract::State(client): extract::State<Arc<Client>>,
    extract::Path(name): extract::Path<String>,
    video: Bytes,
) -> Reply {
    let (file, bytes) = (name.clone(), video.clone());
    let check = move || validate_bytes(&file, &bytes, &Target::new(Route::Asset));
    // A hostile file can take up to 10 s, which would block a worker of the runtime.
    let report = tokio::task::spawn_blocking(check)
        .await
        .map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?
        .map_err(|error| (StatusCode::UNSUPPORTED_MEDIA_TYPE, error.to_string()))?;
    if report.is_refused() {
        return Err((StatusCode::UNPROCESSABLE_ENTITY, report.to_string()));
    }
    match client.upload((name, video)).skip_check().await {
        Ok(uploaded) => Ok((StatusCode::CREATED, uploaded.asset_id.to_string())),
        Err(error) => Err((StatusCode::BAD_GATEWAY, error.to_string())),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let app = Router::new()
        .route("/videos/{name}", post(upload))
        .layer(extract::DefaultBodyLimit::max(200_000_000))
        .with_state(Arc::new(Client::from_env()?));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}
