use std::{fs, io::Write as _, path::PathBuf};

use grapevine_model::Event;
use grapevine_sources::{Cursor, Page, Progress, Source};
use jiff::SignedDuration;

use crate::kit::{build, ids, noon};

struct Followed {
    _folder: tempfile::TempDir,
    path: PathBuf,
    toml: String,
    source: Box<dyn Source>,
    cursor: Option<Cursor>,
}

impl Followed {
    fn new(text: &str) -> Self {
        Self::named("posts.ndjson", text)
    }

    fn named(name: &str, text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        let toml = format!("name = \"p\"\nkind = \"file\"\nfollow = true\npath = {:?}", path.to_str().unwrap());
        Self { _folder: folder, path, source: build(&toml), toml, cursor: None }
    }

    fn append(&self, text: &str) {
        fs::OpenOptions::new().append(true).open(&self.path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    async fn poll(&mut self) -> Page {
        let page = self.source.poll(self.cursor.as_ref()).await.unwrap();
        self.cursor = Some(page.cursor.clone());
        page
    }

    fn restart(&mut self) {
        self.source = build(&self.toml);
    }
}

fn line(id: usize) -> String {
    format!(
        "{{\"id\": {id}, \"created_at\": \"2026-02-01T10:00:{id:02}Z\", \"author\": \"ada\", \"text\": \"post\"}}\n"
    )
}

fn gaps(page: &Page) -> usize {
    page.events.iter().filter(|event| matches!(event, Event::Gap(_))).count()
}

#[tokio::test]
async fn appended_lines_come_and_a_half_one_waits() {
    let mut file = Followed::new(&line(1));
    let page = file.poll().await;
    assert_eq!((ids(&page.events), page.state), (vec!["1"], Progress::CaughtUp));
    assert_eq!(page.complete_through, Some(noon() - SignedDuration::from_mins(1)));
    let second = line(2);
    file.append(&second[..20]);
    let page = file.poll().await;
    assert_eq!((page.events, page.rejected), (vec![], vec![]));
    file.append(&format!("{}{}", &second[20..], line(3)));
    assert_eq!(ids(&file.poll().await.events), ["2", "3"]);
}

#[tokio::test]
async fn an_unordered_file_is_complete_up_to_now_once_its_end_was_reached() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("posts.ndjson");
    fs::write(&path, (0..600).map(|id| line(id % 60)).collect::<String>()).unwrap();
    let mut source = build(&format!(
        "name = \"p\"\nkind = \"file\"\nfollow = true\nordered = false\npath = {:?}",
        path.to_str().unwrap()
    ));
    let first = source.poll(None).await.unwrap();
    assert_eq!((first.state, first.complete_through), (Progress::Behind, None));
    let last = source.poll(Some(&first.cursor)).await.unwrap();
    let a_minute_ago = noon() - SignedDuration::from_mins(1);
    assert_eq!((last.state, last.complete_through), (Progress::CaughtUp, Some(a_minute_ago)));
}

#[tokio::test]
async fn a_poll_waits_a_little_for_a_line() {
    let mut file = Followed::new("");
    file.poll().await;
    let path = file.path.clone();
    let writer = tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
        fs::write(path, line(1)).unwrap();
    });
    assert_eq!(ids(&file.poll().await.events), ["1"]);
    writer.await.unwrap();
}

#[tokio::test]
async fn a_rotated_file_is_read_to_its_end_and_then_the_new_one() {
    let mut file = Followed::new(&line(1));
    file.poll().await;
    file.append(&format!("{}{}", line(2), line(3).trim_end()));
    fs::rename(&file.path, file.path.with_extension("1")).unwrap();
    assert_eq!(ids(&file.poll().await.events), ["2"], "no file stands there yet");
    fs::write(&file.path, line(4)).unwrap();
    let mut events = file.poll().await.events;
    events.extend(file.poll().await.events);
    assert_eq!(ids(&events), ["3", "4"]);
    assert!(events.iter().all(|event| matches!(event, Event::Upsert(_))), "nothing was missed");
    file.append(&line(5));
    assert_eq!(ids(&file.poll().await.events), ["5"]);
}

#[tokio::test]
async fn a_cut_file_gives_a_gap_and_starts_again() {
    let mut file = Followed::new(&[line(1), line(2)].concat());
    file.poll().await;
    fs::write(&file.path, line(3)).unwrap();
    let page = file.poll().await;
    assert_eq!((gaps(&page), ids(&page.events)), (1, vec!["3"]));
    let Event::Gap(gap) = &page.events[0] else { panic!("the gap comes first") };
    assert_eq!((gap.source.as_str(), gap.from.to_string().as_str(), gap.to), ("p", "2026-02-01T10:00:02Z", noon()));
    assert!(gap.reason.contains("was cut, replaced or changed"), "{}", gap.reason);
    assert_eq!(gaps(&file.poll().await), 0);
}

#[tokio::test]
async fn a_file_rewritten_to_the_same_length_gives_a_gap() {
    let mut file = Followed::new(&[line(1), line(2)].concat());
    file.poll().await;
    fs::write(&file.path, [line(1), line(7), line(8)].concat()).unwrap();
    let page = file.poll().await;
    assert_eq!((gaps(&page), ids(&page.events)), (1, vec!["1", "7", "8"]));
}

#[tokio::test]
async fn a_file_rotated_while_the_process_was_down_gives_a_gap() {
    let mut file = Followed::new(&[line(1), line(2)].concat());
    file.poll().await;
    fs::rename(&file.path, file.path.with_extension("1")).unwrap();
    fs::write(&file.path, [line(3), line(4), line(5)].concat()).unwrap();
    file.restart();
    let page = file.poll().await;
    assert_eq!((gaps(&page), ids(&page.events)), (1, vec!["3", "4", "5"]));
}

#[tokio::test]
async fn a_copy_of_the_file_is_as_good() {
    let mut file = Followed::new(&[line(1), line(2)].concat());
    file.poll().await;
    let copy = file.path.with_extension("copy");
    fs::copy(&file.path, &copy).unwrap();
    fs::rename(&copy, &file.path).unwrap();
    file.restart();
    file.append(&line(3));
    let page = file.poll().await;
    assert_eq!((gaps(&page), ids(&page.events)), (0, vec!["3"]));
}

#[tokio::test]
async fn a_cursor_of_another_version_gives_a_gap() {
    let mut file = Followed::new(&line(1));
    for (version, value) in [(99, serde_json::json!({})), (1, serde_json::json!({"offset": -1}))] {
        file.cursor = Some(Cursor { version, value });
        let page = file.poll().await;
        assert_eq!((gaps(&page), ids(&page.events)), (1, vec!["1"]));
    }
}

#[tokio::test]
async fn a_followed_csv_waits_for_its_header() {
    let mut file = Followed::named("posts.csv", "id,created_at,au");
    assert_eq!(file.poll().await.events, []);
    file.append("thor,text\n1,5,ada,x\n2,6,ada,\"two\n");
    assert_eq!(ids(&file.poll().await.events), ["1"]);
    file.append("lines\"\n");
    assert_eq!(ids(&file.poll().await.events), ["2"]);
}

#[tokio::test]
async fn a_log_that_only_begins_alike_gives_a_gap() {
    let first: String = (0..40).map(line).collect();
    let mut file = Followed::new(&first);
    file.poll().await;
    let other: String = (0..30).chain(50..60).chain(41..43).map(line).collect();
    fs::write(&file.path, other).unwrap();
    let page = file.poll().await;
    assert_eq!((gaps(&page), ids(&page.events).len()), (1, 42));
}
