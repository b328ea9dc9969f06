{{/* The value of the label app.kubernetes.io/name. */}}
{{- define "operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The name of all objects. 43 characters leave room for the longest suffix, 20 characters. */}}
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

{{/* The labels that all pods of the release have, including those of hooks and tests. */}}
{{- define "operator.releaseLabels" -}}
app.kubernetes.io/name: {{ include "operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The labels that select the operator's pods only. */}}
{{- define "operator.selectorLabels" -}}
{{ include "operator.releaseLabels" . }}
app.kubernetes.io/component: operator
{{- end }}

{{/* The labels of an object. Argument: {context, component, extra}. Values cannot override the labels that the chart needs. */}}
{{- define "operator.labels" -}}
{{- $chart := printf "%s-%s" .context.Chart.Name .context.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- $own := dict "helm.sh/chart" $chart "app.kubernetes.io/component" .component "app.kubernetes.io/version" .context.Chart.AppVersion "app.kubernetes.io/managed-by" .context.Release.Service }}
{{- merge $own (fromYaml (include "operator.releaseLabels" .context)) (default dict .extra) .context.Values.commonLabels | toYaml }}
{{- end }}

{{/* The labels of the operator's pods, without labels that change with the version of the chart. */}}
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

{{/* The flags of operator and test that decide which permissions are needed. */}}
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

{{/* The name of the Secret with the certificate for protected metrics. Empty if the operator signs its certificate itself. */}}
{{- define "operator.metricsSecret" -}}
{{- with .Values.metrics }}
{{- if and .enabled .protected }}
{{- if .certificate.secretName }}
{{- .certificate.secretName }}
{{- else if .certificate.certManager.enabled }}
{{- include "operator.fullname" $ }}-metrics-tls
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The mounts of the configuration file and of the metrics certificate, and their volumes. Argument: {context, certificate}. */}}
{{- define "operator.mounts" -}}
{{- if or .context.Values.configuration .certificate }}
volumeMounts:
{{- if .context.Values.configuration }}
- name: configuration
  mountPath: /etc/responsibility
  readOnly: true
{{- end }}
{{- if .certificate }}
- name: metrics-certificate
  mountPath: /etc/responsibility-metrics
  readOnly: true
{{- end }}
{{- end }}
{{- end }}

{{- define "operator.volumes" -}}
{{- if or .context.Values.configuration .certificate }}
volumes:
{{- if .context.Values.configuration }}
- name: configuration
  configMap:
    name: {{ include "operator.fullname" .context }}
{{- end }}
{{- if .certificate }}
- name: metrics-certificate
  secret:
    secretName: {{ .certificate }}
    items:
    - {key: tls.crt, path: tls.crt}
    - {key: tls.key, path: tls.key}
{{- end }}
{{- end }}
{{- end }}

{{/* The settings of all pods: operator, hook and test. */}}
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

{{/* The egress rules of all pods. */}}
{{- define "operator.egress" -}}
# DNS and the API server.
- ports:
  - {protocol: UDP, port: 53}
  - {protocol: TCP, port: 53}
- ports:
{{- range .Values.networkPolicy.apiServerPorts }}
  - {protocol: TCP, port: {{ . }}}
{{- end }}
{{- end }}

{{/* Returns a text if the signal is enabled, else nothing. Argument: {context, signal}. */}}
{{- define "operator.looksAt" -}}
{{- $setting := default dict (get (default dict .context.Values.configuration.signals) .signal) }}
{{- if not (and (hasKey $setting "enabled") (not $setting.enabled)) }}yes{{ end }}
{{- end }}

{{/* RBAC rules for the namespaced kinds that enabled signals read. With `namespaces`, some signals cannot give a result; their
kinds are not granted. */}}
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
{{- /* With reports.enabled, the operator also writes and corrects its own Reports. */}}
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

{{/* RBAC rules for the kinds under customSignals of the configuration. Argument: {context, scope}. */}}
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

{{/* RBAC rules for the cluster-scoped kinds that enabled signals read. */}}
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

{{/* RBAC rules for the namespaced kinds that the operator reads and writes. */}}
{{- define "operator.namespacedRules" -}}
# The kinds that the operator reads. It does not read Secrets: pod templates show the references to them.
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
# Routes expose Services. If the cluster does not serve their APIs, these rules grant nothing.
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
# The kinds that signals read.
{{- . }}
{{- end }}
- apiGroups: [sharedresponsibility.dev]
  resources: [responsibilityassignments]
  verbs: [list, watch]
# The operator writes the statuses of its own kinds, and Events.
- apiGroups: [sharedresponsibility.dev]
  resources: [responsibilityassignments/status]
  verbs: [patch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end }}
