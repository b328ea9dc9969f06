{{/* The name in labels. */}}
{{- define "operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The name of all objects; the longest suffix has 20 characters. */}}
{{- define "operator.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 43 | trimSuffix "-" }}
{{- else }}
{{- $name := include "operator.name" . }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 43 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 43 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "operator.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "operator.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* What all pods of the release have in common, those of hooks and tests included. */}}
{{- define "operator.releaseLabels" -}}
app.kubernetes.io/name: {{ include "operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* What selects the operator's pods and nothing else. */}}
{{- define "operator.selectorLabels" -}}
{{ include "operator.releaseLabels" . }}
app.kubernetes.io/component: operator
{{- end }}

{{/* The labels of an object; of {context, component, extra}. What the chart relies on cannot be undone by values. */}}
{{- define "operator.labels" -}}
{{- $chart := printf "%s-%s" .context.Chart.Name .context.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- $own := dict "helm.sh/chart" $chart "app.kubernetes.io/component" .component "app.kubernetes.io/version" .context.Chart.AppVersion "app.kubernetes.io/managed-by" .context.Release.Service }}
{{- merge $own (fromYaml (include "operator.releaseLabels" .context)) (default dict .extra) .context.Values.commonLabels | toYaml }}
{{- end }}

{{/* The labels of the operator's pods, without what changes with each version of the chart. */}}
{{- define "operator.podLabels" -}}
{{- merge (fromYaml (include "operator.selectorLabels" .)) .Values.podLabels .Values.commonLabels | toYaml }}
{{- end }}

{{- define "operator.image" -}}
{{- with .Values.image }}
{{- if .digest }}
{{- printf "%s@%s" .repository .digest }}
{{- else }}
{{- printf "%s:%s" .repository (default $.Chart.AppVersion .tag) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "operator.lease" -}}
{{ .Release.Namespace }}/{{ include "operator.fullname" . }}
{{- end }}

{{/* What operator and test are told: all that decides which rights are needed. */}}
{{- define "operator.scope" -}}
- --lease={{ include "operator.lease" . }}
{{- with .Values.namespaces }}
- --namespaces={{ join "," (uniq .) }}
{{- end }}
{{- with .Values.excludeNamespaces }}
- {{ printf "--exclude-namespaces=%s" (join "," .) | quote }}
{{- end }}
{{- if .Values.configuration }}
- --config=/etc/responsibility/config.yaml
{{- end }}
{{- if .Values.reports.enabled }}
- --reports
{{- end }}
{{- if and .Values.metrics.enabled .Values.metrics.protected }}
- --metrics-protected
{{- end }}
{{- end }}

{{/* The configuration file in a container, and the volume for it. */}}
{{- define "operator.mounts" -}}
{{- if .Values.configuration }}
volumeMounts:
- name: configuration
  mountPath: /etc/responsibility
  readOnly: true
{{- end }}
{{- end }}

{{- define "operator.volumes" -}}
{{- if .Values.configuration }}
volumes:
- name: configuration
  configMap:
    name: {{ include "operator.fullname" . }}
{{- end }}
{{- end }}

{{/* What the pods of operator, hook and test share. */}}
{{- define "operator.podSettings" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
{{- toYaml . | nindent 0 }}
{{- end }}
{{- with .Values.podSecurityContext }}
securityContext:
{{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
{{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
{{- toYaml . | nindent 0 }}
{{- end }}
{{- end }}

{{- define "operator.containerSettings" -}}
image: {{ include "operator.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- with .Values.securityContext }}
securityContext:
{{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Where pods of the release may connect to. */}}
{{- define "operator.egress" -}}
# Names, and the API server.
- ports:
  - {protocol: UDP, port: 53}
  - {protocol: TCP, port: 53}
- ports:
{{- range .Values.networkPolicy.apiServerPorts }}
  - {protocol: TCP, port: {{ . }}}
{{- end }}
{{- end }}

{{/* Not empty when a signal is looked at; of {context, signal}. */}}
{{- define "operator.looksAt" -}}
{{- $setting := default dict (get (default dict .context.Values.configuration.signals) .signal) }}
{{- if not (and (hasKey $setting "enabled") (not $setting.enabled)) }}yes{{ end }}
{{- end }}

{{/* Rules for what signals read in a namespace. Nothing is granted that no enabled signal reads, nor what tells nothing where only
some namespaces are looked at. */}}
{{- define "operator.namespacedSignalRules" -}}
{{- if include "operator.looksAt" (dict "context" . "signal" "disruption-budget") }}
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [list, watch]
{{- end }}
{{- if and (not .Values.namespaces) (include "operator.looksAt" (dict "context" . "signal" "storage-encryption")) }}
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [list, watch]
{{- end }}
{{- if and (not .Values.namespaces) (include "operator.looksAt" (dict "context" . "signal" "broad-rights")) }}
- apiGroups: [rbac.authorization.k8s.io]
  resources: [rolebindings, roles]
  verbs: [list, watch]
{{- end }}
{{- if include "operator.looksAt" (dict "context" . "signal" "vulnerability-report") }}
- apiGroups: [aquasecurity.github.io]
  resources: [vulnerabilityreports]
  verbs: [list, watch]
{{- end }}
{{- if include "operator.looksAt" (dict "context" . "signal" "config-audit-report") }}
- apiGroups: [aquasecurity.github.io]
  resources: [configauditreports]
  verbs: [list, watch]
{{- end }}
{{- /* Where it reports itself it keeps its own Reports as they should be. */}}
{{- if or .Values.reports.enabled (include "operator.looksAt" (dict "context" . "signal" "policy-report")) }}
- apiGroups: [openreports.io]
  resources: [reports]
  verbs: [list, watch{{ if .Values.reports.enabled }}, create, patch, delete{{ end }}]
{{- end }}
{{- if include "operator.looksAt" (dict "context" . "signal" "policy-report") }}
- apiGroups: [wgpolicyk8s.io]
  resources: [policyreports]
  verbs: [list, watch]
{{- end }}
{{- if include "operator.looksAt" (dict "context" . "signal" "certificate") }}
- apiGroups: [cert-manager.io]
  resources: [certificates]
  verbs: [list, watch]
{{- end }}
{{- if include "operator.looksAt" (dict "context" . "signal" "velero-backup") }}
- apiGroups: [velero.io]
  resources: [backups]
  verbs: [list, watch]
{{- end }}
{{- if include "operator.looksAt" (dict "context" . "signal" "volume-snapshot") }}
- apiGroups: [snapshot.storage.k8s.io]
  resources: [volumesnapshots]
  verbs: [list, watch]
{{- end }}
{{- include "operator.customSignalRules" (dict "context" . "scope" "Namespaced") }}
{{- end }}

{{/* Rules for the kinds under customSignals of the configuration; of {context, scope}. */}}
{{- define "operator.customSignalRules" -}}
{{- $scope := .scope }}
{{- $granted := dict }}
{{- range .context.Values.configuration.customSignals }}
{{- $resource := printf "%s.%s" .plural .group }}
{{- if and (eq (default "Namespaced" .scope) $scope) (not (hasKey $granted $resource)) }}
{{- $_ := set $granted $resource true }}
- apiGroups: [{{ .group }}]
  resources: [{{ .plural }}]
  verbs: [list, watch]
{{- end }}
{{- end }}
{{- end }}

{{/* Rules for what signals read that lies in no namespace. */}}
{{- define "operator.clusterSignalRules" -}}
{{- if include "operator.looksAt" (dict "context" . "signal" "storage-encryption") }}
- apiGroups: [storage.k8s.io]
  resources: [storageclasses]
  verbs: [list, watch]
{{- end }}
{{- if include "operator.looksAt" (dict "context" . "signal" "broad-rights") }}
- apiGroups: [rbac.authorization.k8s.io]
  resources: [clusterrolebindings, clusterroles]
  verbs: [list, watch]
{{- end }}
{{- include "operator.customSignalRules" (dict "context" . "scope" "Cluster") }}
{{- end }}

{{/* Rules for what can be read and written in a namespace. */}}
{{- define "operator.namespacedRules" -}}
# What it looks at. Secrets are not among it: references to them are seen in pod templates.
- apiGroups: [""]
  resources: [pods, replicationcontrollers, services]
  verbs: [list, watch]
- apiGroups: [apps]
  resources: [daemonsets, deployments, replicasets, statefulsets]
  verbs: [list, watch]
- apiGroups: [batch]
  resources: [cronjobs, jobs]
  verbs: [list, watch]
- apiGroups: [networking.k8s.io]
  resources: [ingresses, networkpolicies]
  verbs: [list, watch]
# Routes lead from outside to Services. Where their APIs are not served, these rules grant nothing.
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes, grpcroutes, tlsroutes, tcproutes, udproutes, referencegrants]
  verbs: [list, watch]
- apiGroups: [route.openshift.io]
  resources: [routes]
  verbs: [list, watch]
{{- with .Values.configuration.workloadKinds }}
# The kinds under workloadKinds of the configuration.
{{- range . }}
- apiGroups: [{{ .group }}]
  resources: [{{ .plural }}]
  verbs: [list, watch]
{{- end }}
{{- end }}
{{- with include "operator.namespacedSignalRules" . }}
# What signals read, to see whether duties are fulfilled.
{{- . }}
{{- end }}
- apiGroups: [sharedresponsibility.dev]
  resources: [responsibilityassignments]
  verbs: [list, watch]
# What it writes: the statuses of its own kinds, and Events.
- apiGroups: [sharedresponsibility.dev]
  resources: [responsibilityassignments/status]
  verbs: [patch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end }}
