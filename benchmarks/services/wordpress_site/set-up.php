<?php
// What the installer's form does, and thirty posts with comments.
define('WP_INSTALLING', true);
$_SERVER['HTTP_HOST'] = parse_url(getenv('SITE'), PHP_URL_HOST);
require __DIR__ . '/wp-load.php';
require_once ABSPATH . 'wp-admin/includes/upgrade.php';
add_filter('pre_wp_mail', '__return_true'); // nobody is told of the new site
wp_install('A site', 'admin', 'admin@example.org', true, '', 'not-a-secret');
switch_theme('twentytwentythree');
for ($i = 0; $i < 30; $i++) {
    $post = wp_insert_post(['post_title' => "Post $i", 'post_status' => 'publish', 'post_author' => 1,
        'post_content' => str_repeat("Words of the post $i. ", 200)]);
    for ($j = 0; $j < 3; $j++) {
        wp_insert_comment(['comment_post_ID' => $post, 'comment_content' => "Comment $j", 'comment_author' => 'A']);
    }
}
echo wp_get_theme()->get('Name'), ' ', wp_count_posts()->publish;
