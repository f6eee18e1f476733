//! Which paths and methods there are, and which only look like them.

use gateway_proto::{Access, Operation};
use gateway_tests::{BEARER, Stack};
use http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const FACTS: &str = include_str!("../../contract/models.json");
const SAMPLE: &str = include_str!("../../../deploy/config/models.example.yaml");

fn sample_path(template: &str) -> String {
    template.replace("{alias=**}", "demo").replace("{code}", "forbidden")
}

#[tokio::test]
async fn every_route_of_the_contract_is_there_and_guarded() {
    let stack = Stack::demo().await;
    for operation in Operation::ALL {
        let method: Method = operation.method().parse().unwrap();
        let path = sample_path(operation.path());
        let answer = stack.send(method, &path, &[], "").await;
        let expected = if operation.access() == Access::Public { 200 } else { 401 };
        assert_eq!(answer.status, expected, "{path}: {}", answer.json());
    }
}

#[tokio::test]
async fn any_other_path_or_method_is_an_envelope() {
    let stack = Stack::demo().await;
    for (method, path) in [
        ("GET", "/nothing"),
        ("POST", "/v1/models"),
        ("DELETE", "/v1/chat/completions"),
        ("GET", "/v1/chat/completions"),
        ("GET", "//v1/models"),
        ("GET", "/v1//models"),
        ("GET", "/V1/models"),
        ("GET", "/v1/models/"),
        ("GET", "/v1/info/"),
        ("GET", "/v1/../v1/models"),
        ("GET", "/v1%2fmodels"),
        ("GET", "/healthz;x"),
        ("PUT", "/healthz"),
        ("OPTIONS", "/v1/models"),
        ("TRACE", "/healthz"),
        ("PROPFIND", "/"),
        ("GET", "/errors/"),
        ("POST", "/v1/chat/completions/"),
        ("GET", "/metrics"),
    ] {
        // Byte by byte: a client would tidy some of these paths up.
        let mut connection = TcpStream::connect(stack.http_address()).await.unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {BEARER}\r\nconnection: close\r\n\r\n"
        );
        connection.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 404"), "{method} {path}: {answer}");
        for part in ["\"code\":\"route_not_found\"", "x-error-code: route_not_found", "x-request-id: "] {
            assert!(answer.contains(part), "{method} {path}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_path_that_means_another_is_given_a_hint() {
    let stack = Stack::demo().await;
    for (method, path, hint) in [
        (Method::POST, "/v1/responses", "POST /v1/chat/completions"),
        (Method::POST, "/v1/completions", "POST /v1/chat/completions"),
        (Method::POST, "/v1/embeddings", "Embeddings are not offered"),
        (Method::POST, "/chat/completions", "ends in /v1"),
        (Method::GET, "/v1/info/", "try /v1/info"),
        (Method::GET, "/nothing", "GET /openapi.json"),
    ] {
        let message = stack.send(method, path, &[], "").await.error()["message"].as_str().unwrap().to_owned();
        assert!(message.contains(hint), "{message}");
    }
}

#[tokio::test]
async fn head_works_where_get_does() {
    let stack = Stack::demo().await;
    for path in ["/healthz", "/readyz", "/errors", "/openapi.json", "/docs/errors"] {
        let answer = stack.send(Method::HEAD, path, &[], "").await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0), "{path}");
    }
}

#[tokio::test]
async fn health_says_exactly_this() {
    let stack = Stack::demo().await;
    assert_eq!(stack.send(Method::GET, "/healthz", &[], "").await.body, r#"{"status":"ok"}"#);
    let ready = stack.send(Method::GET, "/readyz", &[], "").await;
    assert_eq!((ready.status.as_u16(), &ready.json()["status"]), (200, &json!("ok")));
    let names: Vec<_> = ready.json()["parts"].as_array().unwrap().iter().map(|part| part["name"].clone()).collect();
    assert_eq!(names, ["core", "storage", "demo"]);
}

#[tokio::test]
async fn a_dead_upstream_degrades_and_stays_ready() {
    let stack = Stack::builder().upstream("http://127.0.0.1:1/v1").start().await;
    let ready = stack.send(Method::GET, "/readyz", &[], "").await;
    let body = ready.json();
    assert_eq!((ready.status.as_u16(), &body["status"]), (200, &json!("degraded")));
    assert_eq!((&body["parts"][2]["name"], &body["parts"][2]["ok"]), (&json!("upstream"), &json!(false)));
    assert_eq!(body["parts"][2]["error"], "no connection to the model server");
    assert!(body["parts"][0]["latency_ms"].is_u64());
}

#[tokio::test]
async fn an_alias_is_the_rest_of_the_path_however_it_is_escaped() {
    let models = "models: [{alias: 'org/model:8b', upstream: demo}, {alias: '100%', upstream: demo}]";
    let stack = Stack::builder().models(models).start().await;
    for path in ["org/model:8b", "org%2Fmodel:8b", "org%2fmodel%3A8b"] {
        let answer = stack.get(&format!("/v1/models/{path}")).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["id"]), (200, &json!("org/model:8b")), "{path}");
    }
    assert_eq!(stack.get("/v1/models/100%25").await.json()["id"], "100%");
    let answer = stack.get("/v1/models/un/known").await;
    assert_eq!(
        (answer.status.as_u16(), answer.code_and_param()),
        (400, ("model_not_in_allowlist".to_owned(), "model".to_owned()))
    );
}

#[tokio::test]
async fn the_sample_catalog_holds_the_published_facts() {
    // The sample's keys are named by variables that a test does not set.
    let keyless: String =
        SAMPLE.lines().filter(|line| !line.contains("api_key_env")).map(|line| format!("{line}\n")).collect();
    let stack = Stack::builder().models(&keyless).start().await;
    let info = stack.get("/v1/info").await.json();
    let published: Value = serde_json::from_str(FACTS).unwrap();
    let (found, published) = (info["models"].as_array().unwrap(), published["models"].as_array().unwrap());
    assert_eq!(found.len(), published.len());
    for (model, expected) in found.iter().zip(published) {
        for (fact, value) in expected.as_object().unwrap() {
            assert_eq!(&model[fact], value, "{} of {}", fact, expected["alias"]);
        }
    }
}
