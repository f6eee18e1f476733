//! A model server that does as it is told, byte by byte.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What the server does once a request is there.
#[derive(Clone, Debug)]
pub enum Step {
    /// Sends bytes.
    Send(Vec<u8>),
    /// Says nothing for a while.
    Pause(Duration),
    /// Says nothing until the other side is gone.
    Hang,
    /// Ends the connection in good order, whatever the other side still expects.
    Close,
    /// Ends the connection with a reset.
    Reset,
}

/// What the server does, in order; the connection is closed after the last step.
pub type Script = Vec<Step>;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Method and path, as in `POST /v1/chat/completions`.
    pub line: String,
    /// The head after its first line, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Recorded {
    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// What the server does for a request.
type Director = Arc<dyn Fn(&Recorded) -> Script + Send + Sync>;

/// What a server saw.
#[derive(Clone, Debug, Default)]
struct Seen {
    connections: usize,
    requests: Vec<Recorded>,
    /// Connections that the other side ended before the script did.
    abandoned: usize,
}

/// A model server that does as it is told. Dropped, it is gone as if it were killed: nothing listens, and its connections are
/// closed.
pub struct ScriptedServer {
    address: SocketAddr,
    director: Arc<Mutex<Director>>,
    seen: watch::Sender<Seen>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl ScriptedServer {
    /// Starts a server that plays this script for each chat; its list of models holds `scripted`.
    pub async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let director = Arc::new(Mutex::new(always(script)));
        let seen = watch::Sender::new(Seen::default());
        let task = tokio::spawn(accept(listener, Arc::clone(&director), seen.clone()));
        Self { address, director, seen, task }
    }

    /// Starts a server that plays for each chat the script that it is given for it.
    pub async fn directed(director: impl Fn(&Recorded) -> Script + Send + Sync + 'static) -> Self {
        let server = Self::start(Vec::new()).await;
        *server.director.lock().unwrap() = Arc::new(director);
        server
    }

    /// Starts a server that answers each chat with this status and body.
    pub async fn answering(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        Self::start(vec![Step::Send(response(status, headers, body))]).await
    }

    /// Plays another script from now on.
    pub fn play(&self, script: Script) {
        *self.director.lock().unwrap() = always(script);
    }

    /// Answers with this status and body from now on.
    pub fn answer(&self, status: u16, headers: &[(&str, &str)], body: &str) {
        self.play(vec![Step::Send(response(status, headers, body))]);
    }

    /// The base URL for a gateway.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections were made.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.seen.borrow().connections
    }

    /// The chats that came, in order.
    #[must_use]
    pub fn chats(&self) -> Vec<Recorded> {
        let seen = self.seen.borrow();
        seen.requests.iter().filter(|request| request.line.ends_with("/chat/completions")).cloned().collect()
    }

    /// The last chat that came.
    #[must_use]
    pub fn last_chat(&self) -> Recorded {
        self.chats().pop().unwrap()
    }

    /// Waits until a chat has come.
    pub async fn chat_came(&self) {
        self.chats_came(1).await;
    }

    /// Waits until so many chats have come.
    pub async fn chats_came(&self, count: usize) {
        let chats = |seen: &Seen| seen.requests.iter().filter(|request| request.line.starts_with("POST")).count();
        self.seen.subscribe().wait_for(|seen| chats(seen) >= count).await.unwrap();
    }

    /// Waits until the other side has left a call that was still going on.
    pub async fn was_abandoned(&self) {
        self.seen.subscribe().wait_for(|seen| seen.abandoned > 0).await.unwrap();
    }
}

fn always(script: Script) -> Director {
    Arc::new(move |_| script.clone())
}

/// A response as it goes over the wire.
fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status} Status\r\ncontent-length: {}\r\n", body.len());
    if !headers.iter().any(|(name, _)| *name == "content-type") {
        text.push_str("content-type: application/json\r\n");
    }
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    format!("{text}\r\n{body}").into_bytes()
}

/// The body of a plain answer.
#[must_use]
pub fn completion_body(text: &str) -> String {
    serde_json::json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_760_000_000, "model": "their-own-name",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12},
    })
    .to_string()
}

async fn accept(listener: TcpListener, director: Arc<Mutex<Director>>, seen: watch::Sender<Seen>) {
    // They end with the server.
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        seen.send_modify(|seen| seen.connections += 1);
        connections.spawn(serve(stream, Arc::clone(&director), seen.clone()));
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(mut stream: TcpStream, director: Arc<Mutex<Director>>, seen: watch::Sender<Seen>) {
    while let Some(request) = read_request(&mut stream).await {
        let is_chat = request.line.ends_with("/chat/completions");
        let director = Arc::clone(&director.lock().unwrap());
        let steps = if is_chat { director(&request) } else { Vec::new() };
        seen.send_modify(|seen| seen.requests.push(request));
        if !is_chat {
            let models = r#"{"object":"list","data":[{"id":"scripted","object":"model"}]}"#;
            if stream.write_all(&response(200, &[], models)).await.is_err() {
                return;
            }
            continue;
        }
        if play(&mut stream, steps).await.is_none() {
            seen.send_modify(|seen| seen.abandoned += 1);
            return;
        }
    }
}

/// Plays a script; `None` when the other side left meanwhile, or the script ended the connection.
async fn play(stream: &mut TcpStream, steps: Script) -> Option<()> {
    for step in steps {
        match step {
            Step::Send(bytes) => stream.write_all(&bytes).await.ok()?,
            Step::Pause(duration) => stay(stream, duration).await?,
            Step::Hang => stay(stream, Duration::MAX).await?,
            Step::Close => return None,
            Step::Reset => {
                stream.set_zero_linger().ok()?;
                return None;
            }
        }
    }
    Some(())
}

/// Keeps silent as long as the other side is there.
async fn stay(stream: &mut TcpStream, duration: Duration) -> Option<()> {
    let mut byte = [0];
    match tokio::time::timeout(duration, stream.read(&mut byte)).await {
        Err(_) => Some(()),
        Ok(_) => None,
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<Recorded> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).ok()?;
    let mut lines = head.lines();
    let line = lines.next()?.trim_end_matches(" HTTP/1.1").to_owned();
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let mut body = bytes.split_off(head_end);
    while body.len() < length.unwrap_or(0) {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some(Recorded { line, headers, body })
}
