//! Whether a port answers as it should. One attempt, bounded; who waits, repeats it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::recipe::Ready;

/// How long one attempt may take, unless said otherwise.
pub(super) const ATTEMPT: Duration = Duration::from_secs(2);

/// The most that is read of an answer.
const ANSWER_MAX: u64 = 64 * 1024;

/// Asks the database at its client port. The error says what came instead within this time.
pub(super) async fn database(
    address: IpAddr,
    port: u16,
    ready: &Ready,
    within: Duration,
) -> Result<(), String> {
    let address = SocketAddr::new(address, port);
    match ready {
        Ready::Http { path, contains } => {
            let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
            let answer = exchange(address, request.as_bytes(), ANSWER_MAX, within).await?;
            if answer.contains(contains.as_str()) {
                return Ok(());
            }
            let status = answer.lines().next().unwrap_or_default();
            let body = answer
                .split_once("\r\n\r\n")
                .map_or("", |(_, body)| body.trim());
            Err(format!(
                "http://{address}{path} answers {status:?} {body:?}"
            ))
        }
    }
}

/// Whether an SSH server greets there.
pub(super) async fn ssh(address: IpAddr, port: u16) -> Result<(), String> {
    let address = SocketAddr::new(address, port);
    let greeting = exchange(address, b"", 4, ATTEMPT).await?;
    if greeting.starts_with("SSH-") {
        Ok(())
    } else {
        Err(format!(
            "{address} does not speak SSH but says {greeting:?}"
        ))
    }
}

/// Sends, and reads up to the end or this many bytes.
async fn exchange(
    address: SocketAddr,
    request: &[u8],
    until: u64,
    within: Duration,
) -> Result<String, String> {
    let attempt = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request).await?;
        let mut answer = Vec::new();
        stream.take(until).read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&answer).into_owned())
    };
    match timeout(within, attempt).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(format!("{address}: {error}")),
        Err(_) => Err(format!("{address} does not answer within {within:?}")),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::net::TcpListener;
    use tokio::runtime::Builder;

    use super::*;

    const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    /// What comes of asking a server that gives this answer to its only caller.
    fn asked(
        answer: &'static str,
        ask: impl AsyncFn(u16) -> Result<(), String>,
    ) -> Result<(), String> {
        Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(async {
                let listener = TcpListener::bind((LOCALHOST, 0)).await.unwrap();
                let port = listener.local_addr().unwrap().port();
                let server = async {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    stream.write_all(answer.as_bytes()).await.unwrap();
                    stream.shutdown().await.unwrap();
                    let mut rest = Vec::new();
                    // The caller may hang up first.
                    let _ = stream.read_to_end(&mut rest).await;
                };
                tokio::join!(ask(port), server).0
            })
    }

    fn health() -> Ready {
        Ready::Http {
            path: "/health".to_owned(),
            contains: "\"true\"".to_owned(),
        }
    }

    #[test]
    fn an_answer_is_judged_by_what_it_contains() {
        let ask = async |port| database(LOCALHOST, port, &health(), ATTEMPT).await;
        assert_eq!(
            asked("HTTP/1.0 200 OK\r\n\r\n{\"health\":\"true\"}", ask),
            Ok(())
        );
        let error = asked("HTTP/1.0 503 No\r\n\r\n{\"health\":\"false\"}\n", ask).unwrap_err();
        assert!(
            error.contains("503 No") && error.contains("false"),
            "{error}"
        );
    }

    #[test]
    fn a_greeting_tells_ssh_from_others() {
        let ask = async |port| ssh(LOCALHOST, port).await;
        assert_eq!(asked("SSH-2.0-x\r\n", ask), Ok(()));
        assert!(
            asked("HTTP", ask)
                .unwrap_err()
                .contains("does not speak SSH")
        );
        assert!(asked("", ask).is_err());
    }

    #[test]
    fn a_closed_port_is_said() {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let error = runtime.block_on(async {
            let listener = TcpListener::bind((LOCALHOST, 0)).await.unwrap();
            let port = listener.local_addr().unwrap().port();
            drop(listener);
            database(LOCALHOST, port, &health(), ATTEMPT)
                .await
                .unwrap_err()
        });
        assert!(error.contains("refused"), "{error}");
    }
}
