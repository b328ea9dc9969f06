module sharedresponsibility.dev/pod-image

go 1.26.0
