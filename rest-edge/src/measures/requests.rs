//! What is measured of requests, and the watch over one of them from its head to the last byte of its answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, StatusCode};
use http_body::{Frame, SizeHint};
use metrics::{Counter, Gauge, Histogram};

use super::routes::{Place, names};
use super::{Level, Progress, describe};
use crate::access_log::{AccessLine, Ended};
use crate::server::ActivityGuard;

/// The classes of a status in metrics; the last is that of a request whose client left before its answer had one.
const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "cut"];
const CUT: usize = CLASSES.len() - 1;
/// The classes of a route that are told of from the start, so that their rates have a begin.
const USUAL_CLASSES: [usize; 3] = [1, 3, 4];

/// The metrics of requests, looked up once.
pub(crate) struct RequestMeasures {
    /// By route and class.
    begun: Vec<[OnceLock<Counter>; CLASSES.len()]>,
    /// By class of status.
    seconds: [Histogram; CUT],
    overhead: Histogram,
    cut: Counter,
    in_flight: Gauge,
    streams: Gauge,
}

impl RequestMeasures {
    pub(crate) fn new() -> Arc<Self> {
        describe();
        let seconds = |class| metrics::histogram!("gateway_http_request_seconds", "status" => class);
        let measures = Self {
            begun: (0..Place::COUNT).map(|_| [const { OnceLock::new() }; CLASSES.len()]).collect(),
            seconds: ["1xx", "2xx", "3xx", "4xx", "5xx"].map(seconds),
            overhead: metrics::histogram!("gateway_http_overhead_seconds"),
            cut: metrics::counter!("gateway_http_answers_cut_total"),
            in_flight: metrics::gauge!("gateway_http_requests_in_flight"),
            streams: metrics::gauge!("gateway_http_streams_in_flight"),
        };
        for place in 0..Place::COUNT {
            for class in USUAL_CLASSES {
                measures.counter(place, class);
            }
        }
        Arc::new(measures)
    }

    /// Begins to watch a request.
    pub(crate) fn begin<B>(self: &Arc<Self>, request: &Request<B>, id: &HeaderValue) -> RequestWatch {
        RequestWatch {
            progress: Progress::begin(Place::before_routing(request.method(), request.uri().path())),
            begin: Instant::now(),
            status: None,
            has_body: *request.method() != Method::HEAD,
            bytes: 0,
            first_byte: None,
            has_ended: false,
            line: AccessLine::begin(id),
            _in_flight: Level::raise(&self.in_flight),
            stream: None,
            measures: Arc::clone(self),
        }
    }

    fn counter(&self, place: usize, class: usize) -> &Counter {
        self.begun[place][class].get_or_init(|| {
            let (method, route) = names(place);
            let labels = [("method", method), ("route", route), ("status", CLASSES[class])];
            metrics::counter!("gateway_http_requests_total", &labels)
        })
    }
}

impl std::fmt::Debug for RequestMeasures {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("RequestMeasures")
    }
}

/// A request that is watched until it is dropped, which is its end.
pub(crate) struct RequestWatch {
    progress: Arc<Progress>,
    begin: Instant,
    /// Of the answer, once it has a head.
    status: Option<StatusCode>,
    /// Whether the client is sent more than the head.
    has_body: bool,
    bytes: u64,
    first_byte: Option<Duration>,
    /// Whether all of the answer was taken.
    has_ended: bool,
    line: Option<Box<AccessLine>>,
    _in_flight: Level,
    /// Held while the answer is a stream.
    stream: Option<Level>,
    measures: Arc<RequestMeasures>,
}

impl RequestWatch {
    /// Runs the work for the head of the answer.
    pub(crate) fn scope<F: Future>(&self, work: F) -> impl Future<Output = F::Output> {
        self.progress.scope(work)
    }

    /// The answer, whose request lasts until its body is gone.
    pub(crate) fn until_end(mut self, response: Response, activity: Option<ActivityGuard>) -> Response {
        self.head(&response);
        self.has_ended = !self.has_body || http_body::Body::is_end_stream(response.body());
        response.map(|body| Body::new(WatchedBody { body, watch: self, _activity: activity }))
    }

    /// Takes note of the head of the answer.
    fn head(&mut self, response: &Response) {
        let took = self.begin.elapsed();
        let class = usize::from(response.status().as_u16() / 100).clamp(1, CUT) - 1;
        self.measures.seconds[class].record(took.as_secs_f64());
        self.measures.counter(self.progress.place(), class).increment(1);
        if let Some(waited) = self.progress.waited() {
            self.measures.overhead.record(took.saturating_sub(waited).as_secs_f64());
        }
        self.status = Some(response.status());
        let is_stream =
            response.headers().get(CONTENT_TYPE).is_some_and(|media_type| media_type == "text/event-stream");
        self.stream = is_stream.then(|| Level::raise(&self.measures.streams));
        if let Some(line) = &mut self.line {
            line.head(response.headers());
        }
    }

    /// Takes note of a part of the answer.
    fn frame(&mut self, frame: Option<&Result<Frame<Bytes>, axum::Error>>) {
        match frame {
            Some(Ok(frame)) => {
                self.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                if self.line.is_some() && self.first_byte.is_none() {
                    self.first_byte = Some(self.begin.elapsed());
                }
            }
            Some(Err(_)) | None => self.has_ended = true,
        }
    }
}

impl Drop for RequestWatch {
    fn drop(&mut self) {
        if self.status.is_none() {
            self.measures.counter(self.progress.place(), CUT).increment(1);
        } else if !self.has_ended {
            self.measures.cut.increment(1);
        }
        if let Some(line) = self.line.take() {
            let (method, route) = names(self.progress.place());
            line.write(&Ended {
                method,
                route,
                status: self.status.map(|status| status.as_u16()),
                code: self.progress.code(),
                is_cut: !self.has_ended,
                is_stream: self.stream.is_some(),
                bytes: self.bytes,
                took: self.begin.elapsed(),
                first_byte: self.first_byte,
            });
        }
    }
}

/// A body whose request lasts until it is dropped.
struct WatchedBody {
    body: Body,
    watch: RequestWatch,
    _activity: Option<ActivityGuard>,
}

impl http_body::Body for WatchedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        let frame = ready!(Pin::new(&mut this.body).poll_frame(context));
        this.watch.frame(frame.as_ref());
        // Nobody asks a body for more that says it has no more.
        this.watch.has_ended |= this.body.is_end_stream();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
