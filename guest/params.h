/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * params.h - module parameters; their values are valid when the module has loaded.
 */
#ifndef FB_PARAMS_H
#define FB_PARAMS_H

#include "source.h"

/* Up to FB_TRANSPORT_PFN as the parameter names them; FB_TRANSPORT_MIX is SG with bits. */
enum fb_transport {
	FB_TRANSPORT_AUTO,
	FB_TRANSPORT_SG,
	FB_TRANSPORT_REPORT,
	FB_TRANSPORT_BITMAP,
	FB_TRANSPORT_PFN,
	FB_TRANSPORT_MIX,
};

enum fb_requests { FB_REQUESTS_ALL, FB_REQUESTS_INFLATE, FB_REQUESTS_NONE };

/* As the parameters hint_mode and hint_full name them. */
enum fb_hint_want { FB_WANT_AUTO, FB_WANT_LOGGED, FB_WANT_HOLD, FB_WANT_HELD };
enum fb_hint_full { FB_FULL_WAIT, FB_FULL_SKIP };

enum fb_source fb_param_source(void);
unsigned int fb_param_inflate_min_order(void);
enum fb_transport fb_param_transport(void);
unsigned long fb_param_bitmap_run_pages(void);
bool fb_param_hints(void);
enum fb_hint_want fb_param_hint_mode(void);
enum fb_hint_full fb_param_hint_full(void);
unsigned int fb_param_hint_min_order(void);
unsigned int fb_param_hint_hold_mib(void);
unsigned int fb_param_oom_mib(void);
enum fb_requests fb_param_ctrl_requests(void);

#endif
