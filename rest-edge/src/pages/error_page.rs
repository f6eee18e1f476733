//! The page that the link in every error leads to: the catalog, with each error as a client gets it.

use std::fmt::Write;
use std::time::Duration;

use gateway_proto::{ApiError, ErrorCode};

use crate::error::Failure;
use crate::openapi::{REQUEST_ID, error_of};

/// Where the codes go in the page that the build leaves.
const SECTIONS: &str = "<!--errors-->";
/// Where the links to them go.
const LINKS: &str = "<!--codes-->";
/// The wait in the samples of errors that tell one.
const WAIT: Duration = Duration::from_secs(2);

/// The page, made of the frame that the build left. `public_url` is the base of the links in the samples.
pub(super) fn fill(frame: &str, public_url: &str) -> String {
    let mut sections = String::from(
        "<p class=\"filter\"><label for=\"filter\">Show codes with</label> <input id=\"filter\" type=\"search\" \
         autocomplete=\"off\" spellcheck=\"false\"> <output id=\"shown\" for=\"filter\"></output></p>",
    );
    let mut links = String::from("<h2>Codes</h2><ul>");
    for code in ErrorCode::ALL {
        write_section(&mut sections, *code, public_url);
        let code = code.facts().code;
        // Writing to a string does not fail.
        let _ = write!(links, "<li><a href=\"#{code}\">{}</a></li>", code.replace('_', "_<wbr>"));
    }
    links.push_str("</ul>");
    frame.replacen(SECTIONS, &sections, 1).replacen(LINKS, &links, 1)
}

fn write_section(page: &mut String, code: ErrorCode, public_url: &str) {
    let facts = code.facts();
    let mut error = error_of(code);
    let has_wait = facts.retryable && matches!(facts.http_status, 409 | 429 | 503);
    if has_wait {
        error = error.with_retry_after(WAIT);
    }
    let retry = match (facts.retryable, has_wait) {
        (true, true) => {
            "Yes, unchanged, after the seconds in <code>Retry-After</code>; over gRPC <code>RetryInfo</code>."
        }
        (true, false) => "Yes, unchanged.",
        (false, _) => "Not as it is.",
    };
    let param = match facts.typical_param {
        None => "none".to_owned(),
        Some("<varies>") => "the field that is wrong".to_owned(),
        Some(param) => format!("<code>{}</code>", escape(param)),
    };
    let grpc = if facts.http_only {
        "only raised over HTTP".to_owned()
    } else {
        format!("<code>{}</code>, reason <code>{}</code>", facts.grpc_status, facts.reason)
    };
    // Writing to a string does not fail.
    let _ = write!(
        page,
        "<section class=\"error\" id=\"{code}\"><h2><code>{code}</code><a class=\"anchor\" href=\"#{code}\" \
         aria-label=\"Link to this section: {code}\">#</a></h2><p class=\"title\">{title}</p><dl><dt>Cause</dt>\
         <dd>{description}</dd><dt>What to do</dt><dd>{remediation}</dd><dt>Send it again</dt><dd>{retry}</dd>\
         <dt>HTTP</dt><dd><code>{status}</code>, type <code>{error_type}</code></dd><dt>gRPC</dt><dd>{grpc}</dd>\
         <dt>Param</dt><dd>{param}</dd></dl><div class=\"samples\">",
        code = facts.code,
        title = escape(facts.title),
        description = escape(facts.description),
        remediation = escape(facts.remediation),
        status = facts.http_status,
        error_type = facts.error_type,
    );
    let over_grpc = error.describe_status(REQUEST_ID, &format!("{public_url}/docs/errors"));
    write_sample(page, "HTTP", &http_sample(error, public_url));
    if !facts.http_only {
        write_sample(page, "gRPC", &over_grpc);
    }
    page.push_str("</div></section>\n");
}

/// The response as a client sees it.
fn http_sample(error: ApiError, public_url: &str) -> String {
    let response = Failure::from(error).into_sample(REQUEST_ID, public_url);
    let mut text = format!("HTTP/1.1 {}\n", response.status());
    for (name, value) in response.headers() {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name}: {}", value.to_str().unwrap_or_default());
    }
    let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap_or_default();
    // `{:#}` is JSON over several lines.
    let _ = write!(text, "\n{body:#}");
    text
}

fn write_sample(page: &mut String, language: &str, text: &str) {
    // Writing to a string does not fail.
    let _ = write!(
        page,
        "<section data-language=\"{language}\"><p class=\"language\">{language}</p><div class=\"code\">\
         <pre tabindex=\"0\"><code>{}</code></pre></div></section>",
        escape(text)
    );
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
