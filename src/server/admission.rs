//! Admission of connections, with limits in total and per source.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// Maximum number of open connections of a listener. A connection holds at most about 150 KiB, so that all together stay far
/// below the memory limit of the chart.
pub(super) const CONNECTIONS: usize = 128;
/// Maximum number of open connections of one source. A scraper and a kubelet need one or two.
pub(super) const CONNECTIONS_PER_SOURCE: usize = 8;
/// Number of leading bits of an IPv6 address that make a source: a machine usually has a whole network of this size.
const SOURCE_PREFIX: u32 = 64;

/// The caller that limits apply to: an IPv4 address or an IPv6 network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Source(IpAddr);

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = u128::from(address) & !(u128::MAX >> SOURCE_PREFIX);
                Self(Ipv6Addr::from(network).into())
            }
            address @ IpAddr::V4(_) => Self(address),
        }
    }
}

/// The open connections of a listener.
#[derive(Clone, Debug, Default)]
pub(super) struct Admission(Arc<Mutex<Open>>);

#[derive(Debug, Default)]
struct Open {
    next: u64,
    /// Open connections in the order in which they were admitted.
    connections: BTreeMap<u64, (Source, CancellationToken)>,
}

/// An admitted connection. Dropping it frees its place.
#[derive(Debug)]
pub(super) struct Admitted {
    admission: Admission,
    id: u64,
    /// Cancelled when the connection must end.
    pub(super) ended: CancellationToken,
}

impl Admission {
    /// Admits a connection of a source, or returns `None` if a limit is reached.
    ///
    /// If all places are taken, the oldest connection of the source with the most connections ends, provided that this source
    /// has more of them than the new one. So a caller without a connection is always admitted, and keeps its connection at
    /// least until as many newer ones are admitted as there are places.
    pub(super) fn admit(&self, source: Source) -> Option<Admitted> {
        let mut open = self.open();
        let of_source = open.connections.values().filter(|(of, _)| *of == source).count();
        if of_source >= CONNECTIONS_PER_SOURCE {
            return None;
        }
        if open.connections.len() >= CONNECTIONS {
            let (count, oldest) = open.largest()?;
            if count <= of_source {
                return None;
            }
            if let Some((_, ended)) = open.connections.remove(&oldest) {
                ended.cancel();
            }
        }
        let (id, ended) = (open.next, CancellationToken::new());
        open.next += 1;
        open.connections.insert(id, (source, ended.clone()));
        Some(Admitted { admission: self.clone(), id, ended })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Returns the number of connections of the source that has the most, and the oldest of them.
    fn largest(&self) -> Option<(usize, u64)> {
        let mut sources: HashMap<Source, (usize, u64)> = HashMap::new();
        for (id, (source, _)) in &self.connections {
            sources.entry(*source).or_insert((0, *id)).0 += 1;
        }
        sources.into_values().max_by_key(|(count, oldest)| (*count, Reverse(*oldest)))
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.admission.open().connections.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(last: u8) -> Source {
        IpAddr::from([127, 0, 0, last]).into()
    }

    #[test]
    fn a_source_has_at_most_its_limit_of_connections_at_the_same_time() {
        let admission = Admission::default();
        let mut admitted: Vec<_> = (0..CONNECTIONS_PER_SOURCE).map(|_| admission.admit(source(1)).unwrap()).collect();
        assert!(admission.admit(source(1)).is_none());
        assert!(admission.admit(source(2)).is_some(), "another source is not affected");
        admitted.pop();
        assert!(admission.admit(source(1)).is_some(), "a closed connection frees its place");
    }

    #[test]
    fn if_all_places_are_taken_a_new_source_replaces_the_oldest_connection_of_the_largest_source() {
        let admission = Admission::default();
        let admit = |last| admission.admit(source(last)).unwrap();
        let small: Vec<_> = (0..CONNECTIONS_PER_SOURCE - 1).map(|_| admit(1)).collect();
        let places = CONNECTIONS - small.len();
        let large: Vec<_> = (0..places).map(|n| admit(u8::try_from(2 + n / CONNECTIONS_PER_SOURCE).unwrap())).collect();
        let _newcomer = admit(200);
        let ended: Vec<usize> = (0..places).filter(|n| large[*n].ended.is_cancelled()).collect();
        assert_eq!(ended, [0]);
        assert!(small.iter().all(|connection| !connection.ended.is_cancelled()));
        assert_eq!(admission.open().connections.len(), CONNECTIONS);
    }

    #[test]
    fn sources_with_one_connection_each_do_not_lock_out_a_new_source() {
        let admission = Admission::default();
        let sources = (0..CONNECTIONS).map(|n| source(u8::try_from(n).unwrap()));
        let admitted: Vec<_> = sources.map(|source| admission.admit(source).unwrap()).collect();
        assert!(admission.admit(source(0)).is_none(), "it has as many as the others");
        let newcomer = admission.admit(source(200)).unwrap();
        assert!(admitted[0].ended.is_cancelled() && !admitted[1].ended.is_cancelled());
        assert!(!newcomer.ended.is_cancelled());
    }

    #[test]
    fn an_ipv6_network_and_a_mapped_ipv4_address_are_one_source() {
        let source = |text: &str| Source::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:1"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
    }
}
