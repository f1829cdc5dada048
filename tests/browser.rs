//! The page in a real browser: no error, no request, the verdict first, one zoom for all charts, filters, dark mode, a
//! phone's width.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use fantoccini::actions::{InputSource as _, MOUSE_BUTTON_LEFT, MouseActions, PointerAction};
use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use schism::report::testing::{Ending, proofs, run};
use schism::report::{Files, Input, RunFacts};
use schism_history::{Event, F, History, Kind, Process, Time, Value};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

const PATIENCE: Duration = Duration::from_secs(20);

/// A browser that shows one file.
struct Browser {
    client: Client,
    _driver: Driver,
    folder: PathBuf,
}

/// The driver, in a process group of its own with its browser: both end with it, also when a test fails.
struct Driver(Child);

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(group) = self.0.id() {
            let _ = std::process::Command::new("sh")
                .args(["-c", "kill -s KILL -- \"-$1\"", "sh", &group.to_string()])
                .status();
        }
    }
}

/// A command of the driver beyond those that fantoccini has.
#[derive(Debug)]
struct Extra {
    path: &'static str,
    body: Json,
}

impl WebDriverCompatibleCommand for Extra {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!(
            "session/{}/{}",
            session.unwrap_or_default(),
            self.path
        ))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}

impl Browser {
    /// Opens `html`, in a window of 1280 by 2000.
    async fn open(name: &str, html: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("browser-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("report.html");
        fs::write(&file, html).unwrap();
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("chromedriver is installed");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = tokio::time::timeout(PATIENCE, async {
            loop {
                let line = lines.next_line().await.unwrap().expect("a port");
                if let Some((_, port)) = line.split_once("successfully on port ") {
                    break port.trim_end_matches('.').to_owned();
                }
            }
        })
        .await
        .expect("chromedriver starts");
        let capabilities: Capabilities = serde_json::from_value(json!({
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
            "goog:chromeOptions": { "args": [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync", "--force-prefers-reduced-motion",
                format!("--user-data-dir={}", folder.join("profile").display()),
            ] },
        }))
        .unwrap();
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("a session");
        client.set_window_size(1280, 2000).await.unwrap();
        client
            .goto(&format!("file://{}", file.display()))
            .await
            .unwrap();
        Self {
            client,
            _driver: Driver(driver),
            folder,
        }
    }

    async fn js(&self, script: &str) -> Json {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// Waits until a script returns true.
    async fn until(&self, script: &str) {
        let holds = async {
            while self.js(script).await != Json::Bool(true) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let result = tokio::time::timeout(PATIENCE, holds).await;
        assert!(result.is_ok(), "never true: {script}");
    }

    async fn click(&self, css: &str) {
        // Away from what sticks to the top of the window.
        self.js(&format!(
            "document.querySelector('{css}').scrollIntoView({{ block: 'center' }})"
        ))
        .await;
        let element = self.client.find(Locator::Css(css)).await.unwrap();
        element.click().await.unwrap();
    }

    async fn extra(&self, path: &'static str, body: Json) -> Json {
        self.client.issue_cmd(Extra { path, body }).await.unwrap()
    }

    async fn devtools(&self, command: &str, parameters: Json) {
        let body = json!({ "cmd": command, "params": parameters });
        self.extra("goog/cdp/execute", body).await;
    }

    /// The labels of time of every chart.
    async fn times(&self) -> Vec<String> {
        let times = self
            .js("return [...document.querySelectorAll('svg.chart > .xt')].map(g => [...g.querySelectorAll('text')].map(t => t.textContent).join(' '))")
            .await;
        serde_json::from_value(times).unwrap()
    }

    /// Asserts that the page complained about nothing and asked for nothing, and closes it.
    async fn close(self) {
        let complaints = self.extra("se/log", json!({ "type": "browser" })).await;
        assert_eq!(complaints, json!([]), "errors, warnings, policy violations");
        let traffic = self.extra("se/log", json!({ "type": "performance" })).await;
        let mut pages = 0;
        for entry in traffic.as_array().unwrap() {
            let message: Json = serde_json::from_str(entry["message"].as_str().unwrap()).unwrap();
            // The browser's own first page is not ours.
            let sent = &message["message"]["params"];
            let document = sent["documentURL"].as_str().unwrap_or_default();
            if message["message"]["method"] == "Network.requestWillBeSent"
                && document.starts_with("file://")
            {
                let url = sent["request"]["url"].as_str().unwrap();
                assert!(
                    url.starts_with("file://") && url.ends_with("report.html"),
                    "{url}"
                );
                pages += 1;
            }
        }
        assert!(pages >= 1, "the log works");
        let resources = self
            .js("return performance.getEntriesByType('resource').length")
            .await;
        assert_eq!(resources, json!(0));
        self.client.close().await.unwrap();
        fs::remove_dir_all(&self.folder).unwrap();
    }
}

fn page(ending: Ending, operations: u32) -> String {
    let run = run(ending, operations, 7);
    Files::new(&run.input())
        .get("report.html")
        .unwrap()
        .to_owned()
}

#[tokio::test]
#[ignore = "needs chromium and chromedriver: .ci/run runs it"]
async fn an_invalid_run_can_be_explored() {
    let browser = Browser::open("invalid", &page(Ending::Invalid, 20_000)).await;
    browser
        .until("return document.documentElement.classList.contains('live')")
        .await;

    // The verdict is the first text of the page.
    let text = browser
        .js("return document.querySelector('main').innerText")
        .await;
    let text = text.as_str().unwrap();
    assert!(
        text.starts_with("Invalid: a promise was broken\n\nReads returned values"),
        "{}",
        &text[..80]
    );

    // Buttons zoom all charts together.
    let whole = browser.times().await;
    assert_eq!(whole.len(), 5);
    assert!(
        whole
            .iter()
            .all(|times| *times == whole[0] && times.starts_with("0 s 10 s")),
        "{whole:?}"
    );
    browser.click("#zoom-in").await;
    browser
        .until("return document.documentElement.dataset.view.startsWith('1')")
        .await;
    let zoomed = browser.times().await;
    assert!(
        zoomed
            .iter()
            .all(|times| *times == zoomed[0] && *times != whole[0]),
        "{zoomed:?}"
    );

    // So does dragging over one of them; a double click shows the whole run again.
    browser
        .js("document.querySelector('#chart-rate').scrollIntoView({ block: 'center' })")
        .await;
    let rate = browser
        .client
        .find(Locator::Css("#chart-rate"))
        .await
        .unwrap();
    let drag = MouseActions::new("mouse".to_owned())
        .then(PointerAction::MoveToElement {
            element: rate.clone(),
            duration: None,
            x: -100.0,
            y: 0.0,
        })
        .then(PointerAction::Down {
            button: MOUSE_BUTTON_LEFT,
        })
        .then(PointerAction::MoveToElement {
            element: rate,
            duration: Some(Duration::from_millis(50)),
            x: 100.0,
            y: 0.0,
        })
        .then(PointerAction::Up {
            button: MOUSE_BUTTON_LEFT,
        });
    browser.client.perform_actions(drag).await.unwrap();
    browser.until("const [a, b] = document.documentElement.dataset.view.split(' ').map(Number); return b - a < 12").await;
    let dragged = browser.times().await;
    assert!(
        dragged
            .iter()
            .all(|times| *times == dragged[0] && *times != zoomed[0]),
        "{dragged:?}"
    );
    browser.click("#zoom-reset").await;
    browser
        .until("return document.documentElement.dataset.view.startsWith('0 ')")
        .await;

    // Zoomed in, ok operations are points; the whole run has too many.
    let cells = "return document.querySelectorAll('#chart-latency .plot > .cell').length";
    assert!(browser.js(cells).await.as_u64().unwrap() > 0);

    // A filter hides operations in the timeline and in the scatter.
    let shown = "return Number(document.querySelector('#lanes').dataset.shown)";
    let all = browser.js(shown).await.as_u64().unwrap();
    assert!(all > 15_000, "{all}");
    browser.click("input[name=ok]").await;
    browser
        .until("return Number(document.querySelector('#lanes').dataset.shown) < 5000")
        .await;
    assert_eq!(
        browser.js(cells).await,
        json!(0),
        "ok operations were the cells"
    );
    let field = browser
        .client
        .find(Locator::Css("input[name=process]"))
        .await
        .unwrap();
    field.send_keys("no such process").await.unwrap();
    browser.until("return document.querySelector('#count').textContent === 'No operation matches the filter.'").await;
    browser.click("#filters button[type=reset]").await;
    browser.until(&format!("{shown} === {all}")).await;

    // An anomaly leads to its place in the run, and to what is known of the operation that contradicts.
    browser.click("button.show").await;
    browser.until("const [a, b] = document.documentElement.dataset.view.split(' ').map(Number); return b - a < 1 && a > 8").await;
    browser.until("return Math.abs(document.querySelector('#timeline').getBoundingClientRect().top) < 120").await;
    browser
        .until("return !document.querySelector('#detail').hidden")
        .await;
    let detail = browser
        .js("return document.querySelector('#detail').innerText")
        .await;
    assert!(detail.as_str().unwrap().contains("read → "), "{detail}");
    let near = browser.js(shown).await.as_u64().unwrap();
    assert!((3..200).contains(&near), "{near}");
    browser.click("#rows summary").await;
    browser
        .until("return document.querySelectorAll('#rows tbody tr').length > 2")
        .await;

    // The figures are behind each chart.
    let tables = browser.js("return [...document.querySelectorAll('.charts figure')].every(f => f.querySelector('details table tbody tr') && f.querySelector('svg > title'))").await;
    assert_eq!(tables, json!(true));
    browser.close().await;
}

#[tokio::test]
#[ignore = "needs chromium and chromedriver: .ci/run runs it"]
async fn it_is_dark_when_asked_to_be_and_fits_a_phone() {
    for ending in [Ending::Invalid, Ending::Valid, Ending::Unknown] {
        let browser = Browser::open(&format!("{ending:?}"), &page(ending, 3_000)).await;
        let background = "return getComputedStyle(document.body).backgroundColor";
        let brightness = async || {
            let colour = browser.js(background).await;
            let colour = colour.as_str().unwrap().to_owned();
            let parts = colour
                .trim_start_matches("rgb(")
                .trim_end_matches(')')
                .split(", ");
            parts.map(|part| part.parse::<u32>().unwrap()).sum::<u32>()
        };
        assert!(brightness().await > 600, "light by itself");
        browser.click("#theme").await;
        assert!(brightness().await < 150, "dark by its switch");
        browser.click("#theme").await;
        assert!(brightness().await > 600, "and light again");
        browser.client.refresh().await.unwrap();
        browser
            .devtools(
                "Emulation.setEmulatedMedia",
                json!({ "features": [{ "name": "prefers-color-scheme", "value": "dark" }] }),
            )
            .await;
        assert!(brightness().await < 150, "dark as the system is");

        browser
            .devtools(
                "Emulation.setDeviceMetricsOverride",
                json!({ "width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": true }),
            )
            .await;
        browser.until("return innerWidth === 390").await;
        browser.until("return Number(document.querySelector('#chart-rate').getAttribute('viewBox').split(' ')[2]) < 390").await;
        let width = browser
            .js("return document.documentElement.scrollWidth")
            .await;
        assert_eq!(width, json!(390), "{ending:?} scrolls sideways");
        browser.close().await;
    }
}

#[tokio::test]
#[ignore = "needs chromium and chromedriver: .ci/run runs it"]
async fn hostile_values_do_nothing() {
    const EVIL: &str = "</script><img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>";
    let mut builder = History::builder();
    let node: Arc<str> = Arc::from(EVIL);
    for i in 0..50_u64 {
        let event = |offset, kind, f: F| {
            Event::new(
                Time::from_millis(i * 10 + offset),
                Process::client(0),
                kind,
                f,
            )
            .key(EVIL)
            .value(Value::list([EVIL, "x"]))
            .node(Arc::clone(&node))
        };
        let f = || F::Other(Arc::from(EVIL));
        builder.push(event(0, Kind::Invoke, f())).unwrap();
        builder.push(event(5, Kind::Fail, f()).error(EVIL)).unwrap();
    }
    let history = builder.finish();
    let base = run(Ending::Invalid, 500, 7);
    let mut verdicts = base.verdicts.clone();
    verdicts[0].anomalies.clear();
    verdicts[0].summary = EVIL.to_owned();
    let facts = RunFacts {
        name: EVIL.to_owned(),
        plan: EVIL.to_owned(),
        ..base.facts.clone()
    };
    let input = Input {
        history: &history,
        verdicts: &verdicts,
        run: &facts,
        ..base.input()
    };
    let files = Files::new(&input);
    let browser = Browser::open("hostile", files.get("report.html").unwrap()).await;
    browser
        .until("return document.documentElement.classList.contains('live')")
        .await;
    browser
        .until("return document.querySelector('#count').textContent.startsWith('50 of 50')")
        .await;
    browser.click("#rows summary").await;
    browser
        .until("return document.querySelectorAll('#rows tbody tr').length === 50")
        .await;
    let timeline = browser
        .client
        .find(Locator::Css("#lanes canvas"))
        .await
        .unwrap();
    timeline.click().await.unwrap();
    assert_eq!(browser.js("return document.images.length").await, json!(0));
    let title = browser.js("return document.title").await;
    assert!(title.as_str().unwrap().ends_with("· schism"), "{title}");
    browser.close().await;
}

#[tokio::test]
#[ignore = "needs chromedriver and a browser"]
async fn drawings_of_proofs_fit_their_boxes_and_the_page() {
    let proofs = proofs();
    let input = proofs.input();
    let files = Files::new(&input);
    let browser = Browser::open("proofs", files.get("report.html").unwrap()).await;
    browser
        .js("document.querySelectorAll('details').forEach(d => d.open = true)")
        .await;
    for width in [1280, 390] {
        browser.client.set_window_size(width, 2000).await.unwrap();
        let wider = browser
            .js("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
            .await;
        assert_eq!(wider, json!(0), "the page scrolls sideways at {width}");
        // Texts that reach out of the box of their operation or level, of the drawings that are shown.
        let outside = browser
            .js(
                "return [...document.querySelectorAll('.cycle .node, .strip .step, .lattice .level')]
                    .filter(g => g.getBoundingClientRect().width > 0)
                    .flatMap(g => {
                        const box = g.querySelector('rect').getBBox();
                        return [...g.querySelectorAll('text')].filter(text => {
                            const t = text.getBBox();
                            return t.x < box.x - 1 || t.x + t.width > box.x + box.width + 1 ||
                                t.y < box.y - 1 || t.y + t.height > box.y + box.height + 3;
                        }).map(text => text.textContent);
                    })",
            )
            .await;
        assert_eq!(outside, json!([]), "at {width}");
        let cut = browser
            .js(
                "return [...document.querySelectorAll('svg.cycle, svg.strip, svg.lattice')]
                    .filter(svg => svg.getBoundingClientRect().width > 0)
                    .flatMap(svg => [...svg.querySelectorAll('text')].filter(text => {
                        const t = text.getBBox(), view = svg.viewBox.baseVal;
                        return t.x < -1 || t.x + t.width > view.width + 1 || t.y + t.height > view.height + 1;
                    }).map(text => text.textContent))",
            )
            .await;
        assert_eq!(cut, json!([]), "at {width}");
    }
    browser.close().await;
}
