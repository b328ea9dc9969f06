//! The fixed words of findings: states of gaps, reasons of gaps and risks, and fulfilment.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The states of a duty that are gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GapState {
    /// No party claims the duty.
    Unowned,
    /// All claims of the duty are invalid.
    Invalid,
    /// Several parties claim the duty at the same rank.
    Conflicted,
    /// A party holds the duty, but the review of every deciding assignment has lapsed.
    Lapsed,
}

impl GapState {
    /// Returns the word of the state in statuses and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unowned => "Unowned",
            Self::Invalid => "Invalid",
            Self::Conflicted => "Conflicted",
            Self::Lapsed => "Lapsed",
        }
    }

    /// Returns the reason of the Event that the operator emits when a duty enters this state.
    #[must_use]
    pub const fn event(self) -> &'static str {
        match self {
            Self::Unowned => "LayerUnowned",
            Self::Invalid => "LayerInvalid",
            Self::Conflicted => "LayerConflicted",
            Self::Lapsed => "DutyLapsed",
        }
    }
}

/// The states of a duty for which the operator emits Events.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OpenState {
    /// The duty has no valid owner.
    Gap(GapState),
    /// The signal with this name shows that the duty is not fulfilled, with or without an owner.
    Unfulfilled(String),
}

impl OpenState {
    const GAPS: [GapState; 4] = [GapState::Unowned, GapState::Invalid, GapState::Conflicted, GapState::Lapsed];

    /// Parses the text that `Display` writes, such as `Unowned` or `Unfulfilled:node-age`. Returns `None` for other texts.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            Some(("Unfulfilled", signal)) => Some(Self::Unfulfilled(signal.to_owned())),
            Some(_) => None,
            None => Self::GAPS.into_iter().find(|state| state.name() == text).map(Self::Gap),
        }
    }

    /// Returns the reason of the Event that the operator emits when a duty enters this state.
    #[must_use]
    pub const fn event(&self) -> &'static str {
        match self {
            Self::Gap(state) => state.event(),
            Self::Unfulfilled(_) => "DutyUnfulfilled",
        }
    }
}

impl fmt::Display for OpenState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap(state) => f.write_str(state.name()),
            Self::Unfulfilled(signal) => write!(f, "Unfulfilled:{signal}"),
        }
    }
}

/// Defines an enum of fixed words. The doc comment of a word is its meaning in docs/reference/findings.md.
macro_rules! reasons {
    ($(#[doc = $about:literal])+ $words:ident { $(#[doc = $meaning:literal] $word:ident,)+ }) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $words {
            $(#[doc = $meaning] $word,)+
        }

        impl $words {
            /// All words, in the order in which they are listed.
            pub const ALL: &[Self] = &[$(Self::$word),+];

            /// Returns the word in statuses.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$word => stringify!($word),)+
                }
            }

            /// Returns the meaning of the word.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$word => $meaning.trim(),)+
                }
            }
        }

        impl JsonSchema for $words {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($words).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    // A pattern instead of an enum: the API server then accepts words of a newer operator version.
                    "pattern": "^[A-Z][A-Za-z]{0,63}$",
                    "description": concat!($($about),+).trim(),
                })
            }
        }
    };
}

reasons! {
    /// The reason why a duty has no valid owner. If several reasons apply, the first in this order is shown.
    GapReason {
        /// A provider or third party is named for the customer duty of a retained layer, without an accountable customer.
        NotTransferable,
        /// The role of the party does not allow it to hold the duty.
        RoleMismatch,
        /// The party needs an agreement to hold the duty, and no agreement in force covers it.
        AgreementMissing,
        /// A namespace gives the duty to a party of a cluster assignment that does not accept it.
        NotAccepted,
        /// No assignment declares the party.
        UnknownParty,
        /// Several parties claim the duty at the same rank.
        OverlappingAssignments,
        /// The review of the assignment that gives the duty to its holder has lapsed.
        ReviewLapsed,
        /// No party claims the duty. The other duty of the same layer has an owner.
        SharedLayerHalfOwned,
        /// No party claims the duty.
        LayerUnowned,
    }
}

impl GapReason {
    /// Returns the state of a duty with this reason.
    #[must_use]
    pub const fn state(self) -> GapState {
        match self {
            Self::NotTransferable
            | Self::RoleMismatch
            | Self::AgreementMissing
            | Self::NotAccepted
            | Self::UnknownParty => GapState::Invalid,
            Self::OverlappingAssignments => GapState::Conflicted,
            Self::ReviewLapsed => GapState::Lapsed,
            Self::SharedLayerHalfOwned | Self::LayerUnowned => GapState::Unowned,
        }
    }
}

reasons! {
    /// The reason of a risk: a finding that is not a gap, but can become one or hide one. `status.risks` uses this order.
    RiskReason {
        /// The claimed service model would remove customer duties that the cluster shows.
        ServiceModelContradicted,
        /// The service model comes only from an assignment of the namespace; no node or cluster assignment determines it.
        ServiceModelSelfDeclared,
        /// The assignment names a provider for a layer without a provider duty.
        ProviderClaimsCustomerLayer,
        /// The assignment names a customer for a layer without a customer duty.
        CustomerClaimsProviderLayer,
        /// A provider or third party holds a customer duty, and no accountable party is named.
        AccountableMissing,
        /// The namespace names another party than the cluster assignment, which takes precedence.
        ClaimOverruled,
        /// The namespace declares a party that a cluster assignment also declares.
        PartyRedefined,
        /// One party that is not a customer is named for all customer duties of a workload.
        BlanketProviderAssignment,
        /// The assignment names holders of provider duties only.
        CustomerDutiesEmpty,
        /// The provider holds a duty, and no evidence covers it.
        ProviderClaimWithoutEvidence,
        /// All evidence for a provider duty has ended. The duty counts as assumed.
        EvidenceLapsed,
        /// Evidence ends within 30 days.
        EvidenceExpiring,
        /// Evidence of a party lists a layer of which the party, or always the customer, holds the customer duty.
        EvidenceOfWrongHalf,
        /// A provider or third party holds the customer duty of backup-recovery, and no agreement lists this layer.
        BackupAssumedProvided,
        /// The customer duty of network-segmentation has an owner, but no NetworkPolicy selects the pods.
        SegmentationAssumed,
        /// The provider operates the node's system, but the pod has access to the host.
        HostAccessDefeatsProviderNodes,
        /// Live pods have containers that their template does not name, and that lack security settings.
        PodsDifferFromTemplate,
        /// The pod requires something that AWS Fargate does not support.
        ImpossibleOnDeclaredCompute,
        /// The exception is not allowed for this layer, or ends too late.
        ExceptionRefused,
        /// The exception has ended.
        ExceptionExpired,
        /// The review is due within 30 days, or overdue.
        ReviewDue,
        /// The assignment has no valid review date.
        ReviewMissing,
        /// A party has not acknowledged its current duties.
        Unacknowledged,
        /// A party that holds duties has no contact.
        OwnerUnreachable,
        /// The assignment selects no workload.
        MatchesNothing,
    }
}

reasons! {
    /// The fulfilment of a duty, from the results of the signals.
    Fulfilment {
        /// Signals show that the duty is fulfilled.
        Fulfilled,
        /// A signal shows that the duty is not fulfilled.
        Unfulfilled,
        /// The last result is too old.
        Stale,
        /// The operator has no result: no signal applies, or its source is missing or cannot be read.
        Unknown,
        /// The duty is under a valid exception.
        NotApplicable,
    }
}
